"""Many shoppers want the last few units of one product at the same moment.

    python -m tests.load.crowd [--database URL] [--shoppers 32] [--units 10] [--times 3]
                               [--stores 1]

Nothing is shipped until the shelf has been counted, so that every unit sold is still allocated.
"""

import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click
from sqlalchemy import func, select

from shop.models import Order, Product, StockItem
from tests.load.command_line import database_option, run_folder
from tests.load.database import session_on, stock_up
from tests.load.running import RunningStore, running_store
from tests.load.settling import wait_until_settled
from tests.load.shopper import APPROVED, Shopper, read_notice

SLUG = "harbor-desk-lamp"
SECONDS_TO_GATHER = 60.0
SECONDS_TO_SETTLE = 60.0
_SENTENCE = re.compile(r".+ is sold out\.|Only \d+ of .+ left\.")

_AT_LEAST_ONE = click.IntRange(min=1)


@dataclass(frozen=True)
class Answer:
    """What one shopper was told, and when after the start."""

    status: int
    notice: str
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What one rush came to; without violations it is as it must be."""

    answers: list[Answer]
    captured: int
    violations: list[str]

    def __str__(self) -> str:
        """Say it in one line, and each violation in another."""
        statuses = Counter(answer.status for answer in self.answers)
        told = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
        slowest = max(answer.seconds for answer in self.answers)
        told = f"{told}; {self.captured} payments captured; slowest answer {slowest:.2f} s"
        return "\n".join([told, *(f"  VIOLATION {each}" for each in self.violations)])


def rush(server: str | None, folder: Path, shoppers: int, units: int, stores: int = 1) -> Outcome:
    """Let the shoppers loose on a fresh store, and check what came of it.

    :param server: as for `fresh_database`.
    """
    with running_store(server, folder, stores) as running:
        stock_up(running.database_url, units, SLUG)
        running.outside.set_conditions("carrier", transit_seconds=0)
        answers = _buy_at_once(running, shoppers)
        shelf = list(_check_shelf(running.database_url, units))
        sold = min(shoppers, units)
        is_settled = not wait_until_settled(running, SECONDS_TO_SETTLE, hurry=True)
        captured = running.outside.count_captured()
        violations = [
            *_check_answers(answers, sold),
            *shelf,
            *([] if is_settled else ["The store did not come to rest."]),
            *([] if captured == sold else [f"{captured} payments were captured, not {sold}."]),
            *running.find_trouble(),
        ]
    return Outcome(answers, captured, violations)


def _buy_at_once(running: RunningStore, shoppers: int) -> list[Answer]:
    start = threading.Barrier(shoppers, timeout=SECONDS_TO_GATHER)

    def buy(nth: int) -> Answer:
        url = running.urls[nth % len(running.urls)]
        shopper = Shopper(url, f"shopper{nth}@brindle.example", APPROVED)
        try:
            shopper.put_in_cart(SLUG, 1)
            form = shopper.fill_in_checkout()
            start.wait()
            started = time.monotonic()
            page = shopper.press_order(form)
        finally:
            shopper.close()
        return Answer(page.status_code, read_notice(page.text), time.monotonic() - started)

    with ThreadPoolExecutor(shoppers) as crowd:
        return list(crowd.map(buy, range(shoppers)))


def _check_answers(answers: list[Answer], sold: int) -> Iterator[str]:
    statuses = Counter(answer.status for answer in answers)
    if statuses[303] != sold:
        yield f"{statuses[303]} shoppers were told of an order, not {sold}."
    for answer in answers:
        if answer.status == 409 and not _SENTENCE.fullmatch(answer.notice):
            yield f"A shopper was refused with another sentence: {answer.notice!r}."
        elif answer.status not in (303, 409):
            yield f"A shopper got a {answer.status}: {answer.notice!r}."


def _check_shelf(database_url: str, units: int) -> Iterator[str]:
    with session_on(database_url) as session:
        item = session.scalars(select(StockItem).join(Product).where(Product.slug == SLUG)).one()
        orders = session.scalar(select(func.count()).select_from(Order)) or 0
        if item.allocated != orders:
            yield f"{orders} orders, but {item.allocated} units are allocated."
        if item.available != max(0, item.on_hand - orders) or item.on_hand != units:
            yield f"{item.on_hand} units on hand and {item.available} available of {units}."


@click.command()
@database_option
@click.option(
    "--stores",
    default=1,
    type=_AT_LEAST_ONE,
    show_default=True,
    help="store processes on the database",
)
@click.option("--shoppers", default=32, type=_AT_LEAST_ONE, show_default=True)
@click.option("--units", default=10, type=_AT_LEAST_ONE, show_default=True)
@click.option("--times", default=3, type=_AT_LEAST_ONE, show_default=True)
def main(database: str | None, stores: int, shoppers: int, units: int, times: int) -> None:
    """Sell few units to many shoppers at the same moment, and count."""
    with run_folder() as folder:
        outcomes = []
        for nth in range(1, times + 1):
            own = folder / f"rush-{nth}"
            own.mkdir()
            outcomes.append(rush(database, own, shoppers, units, stores))
            click.echo(f"Rush {nth} of {times}: {outcomes[-1]}")
        if any(outcome.violations for outcome in outcomes):
            sys.exit(1)
        click.echo("Nothing was sold twice.")


if __name__ == "__main__":
    main()
