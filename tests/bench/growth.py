"""What each page costs while a store grows from a thousand orders to a million."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from scenarios.kit.meters import measure
from seed_data.command import seed_store
from shop.cli import upgrade
from shop.models import Order
from tests.bench.pages import MAY_GROW, Visitors
from tests.bench.server import make_store

SCALES = {"1k": 1_000, "10k": 10_000, "100k": 100_000, "1m": 1_000_000}
MOST_GROWTH, MOST_MILLISECONDS = 1.2, 50
# More than a page of staff's lists shows, so that it is as full in the smallest store.
_ON_A_SHELF = 30


@dataclass(frozen=True, slots=True)
class Growth:
    """A page in each store: how many milliseconds it takes there, and how many statements."""

    page: str
    milliseconds: Sequence[float]
    statements: Sequence[int]

    @property
    def factor(self) -> float:
        """How many times its time in the smallest store it takes in the largest."""
        return self.milliseconds[-1] / self.milliseconds[0]

    @property
    def is_kept(self) -> bool:
        """Whether it is as quick in the largest store as it was promised."""
        if self.page in MAY_GROW:
            return self.milliseconds[-1] < MOST_MILLISECONDS
        return self.factor <= MOST_GROWTH


def make_large_store(database_url: str, scale: str) -> Flask:
    """Fill a database with so many orders, and return the store that has it."""
    upgrade(database_url)
    app = make_store(database_url)
    with app.extensions["sessions"]() as session:
        seed_store(session, SCALES[scale], 1)
        _fill_shelves(session)
    return app


def _fill_shelves(session: Session) -> None:
    """Let there be a full page of what waits to be packed and of what is on its way."""
    done = select(Order.id).where(Order.status == "completed").order_by(Order.id.desc())
    found = session.scalars(done.limit(2 * _ON_A_SHELF)).all()
    for ids, status in ((found[::2], "unfulfilled"), (found[1::2], "shipped")):
        moved = update(Order).where(Order.id.in_(ids))
        session.execute(moved.values(status="confirmed", fulfillment_status=status))
    session.commit()


def measure_growth(stores: Mapping[str, Flask], rounds: int) -> list[Growth]:
    """Look at every page of every store, in turn, and take the medians."""
    visitors = {scale: Visitors(app) for scale, app in stores.items()}
    return [_measure_page(visitors, page, rounds) for page in next(iter(visitors.values())).pages]


def _measure_page(visitors: Mapping[str, Visitors], page: str, rounds: int) -> Growth:
    times: dict[str, list[float]] = {scale: [] for scale in visitors}
    statements = [_count_statements(each, page) for each in visitors.values()]
    for _ in range(rounds):
        for scale, each in visitors.items():
            began = time.perf_counter()
            each.look(each.pages[page])
            times[scale].append(1000 * (time.perf_counter() - began))
    return Growth(page, [median(each) for each in times.values()], statements)


def _count_statements(visitors: Visitors, page: str) -> int:
    with measure(visitors.engine) as cost:
        visitors.look(visitors.pages[page])
    return len(cost.statements)
