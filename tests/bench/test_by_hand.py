import re
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from scenarios.kit.meters import measure
from shop.cli import make_worker
from shop.models import Job, Order
from tests.bench.carts import Carts
from tests.bench.growth import make_large_store
from tests.bench.pages import Visitors
from tests.bench.server import make_by_hand, record_pages

CSRF = re.compile('name="csrf_token" value="[^"]+"')
PAGES = {"catalog": "catalog", "product": "product", "order history": "orders"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('bench') / 'store.sqlite3'}"


@pytest.fixture(scope="module")
def store(url: str) -> Flask:
    return make_large_store(url, "1k")


@pytest.fixture(scope="module")
def by_hand(url: str, store: Flask) -> Flask:
    return make_by_hand(url, record_pages(store))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_by_hand_is_the_stores_to_the_letter(
    store: Flask, by_hand: Flask, page: str
) -> None:
    own = Visitors(store).read(page)

    answer = by_hand.test_client().get(f"/by-hand/{PAGES[page]}").text

    assert len(own) > 3_000
    assert CSRF.sub("", answer) == CSRF.sub("", own)


class Till:
    """Somebody who orders the same cart at the store and by hand, and looks at the books."""

    def __init__(self, store: Flask, by_hand: Flask) -> None:
        self._carts, self._sessions = Carts(store), store.extensions["sessions"]
        self.clients = {"": store.test_client(), "/by-hand": by_hand.test_client()}

    def fill(self, carts: int) -> None:
        """Fill so many carts."""
        self._carts.fill(carts)

    def order(self, where: str, path: str) -> int:
        """Order the next cart at an address, and return the status of the answer."""
        ask = self._carts.next_ask(f"{where}{path}")
        assert ask
        client = self.clients[where]
        client.set_cookie("session", ask.cookie.partition("=")[2])
        return client.post(ask.path, data=ask.form).status_code

    def make_due(self, kind: str) -> None:
        """Let every open job of a kind be due now."""
        with self._sessions() as session:
            session.execute(update(Job).where(Job.kind == kind).values(due_at=Job.created_at))
            session.commit()

    def list_due(self, kind: str) -> Sequence[Job]:
        """Return the open jobs of a kind that are due at once."""
        with self._sessions() as session:
            due = select(Job).where(Job.kind == kind, Job.due_at == Job.created_at)
            return session.scalars(due.where(Job.done_at.is_(None))).all()

    def read_last(self) -> dict[str, Any]:
        """Return the last order with what is written of it, without what is its own."""
        with self._sessions() as session:
            order = session.scalars(select(Order).order_by(Order.id.desc()).limit(1)).one()
            jobs = session.scalars(select(Job).where(Job.key.startswith(order.number)))
            return {
                "sums": order.totals,
                "address": (order.email, order.folded_email, order.address, order.country_code),
                "statuses": (order.status, order.payment_status, order.fulfillment_status),
                "lines": [(x.sku, x.name, x.unit_amount, x.quantity) for x in order.lines],
                "history": [(x.subject, x.status) for x in order.history],
                "card": (order.payment and order.payment.card_last4),
                "jobs": sorted((x.kind, x.attempts, x.done_at is None) for x in jobs),
            }


@pytest.fixture
def till(store: Flask, by_hand: Flask) -> Till:
    return Till(store, by_hand)


def test_an_order_by_hand_leaves_the_rows_that_the_stores_does(till: Till) -> None:
    statuses, orders = [], []
    till.fill(2)
    for where in till.clients:
        statuses.append(till.order(where, "/checkout"))
        orders.append(till.read_last())

    assert statuses == [303, 303]
    assert orders[1] == orders[0]
    assert (len(orders[0]["lines"]), len(orders[0]["history"])) == (3, 3)


def test_a_purchase_by_hand_ends_as_paid_as_the_stores(store: Flask, till: Till) -> None:
    worker = make_worker(store)
    till.fill(2)
    while worker.run_one():
        pass
    till.order("", "/checkout")
    while worker.run_one():
        pass
    own = till.read_last()

    status = till.order("/by-hand", "/purchase")

    assert (status, till.read_last()) == (303, own)
    assert own["statuses"] == ("confirmed", "paid", "unfulfilled")


def test_a_purchase_by_hand_also_runs_a_check_that_has_fallen_due(till: Till) -> None:
    till.fill(2)
    till.order("/by-hand", "/purchase")
    till.make_due("check_payment")

    assert till.list_due("check_payment")

    status = till.order("/by-hand", "/purchase")

    assert (status, till.list_due("check_payment")) == (303, [])


def test_the_checkout_by_hand_sends_the_stores_statements(
    store: Flask, by_hand: Flask, till: Till
) -> None:
    till.fill(2)
    with measure(store.extensions["sessions"].kw["bind"]) as cost:
        till.order("", "/checkout")
    sent: list[str] = []
    connection = by_hand.extensions["driver"].connection
    connection.set_trace_callback(sent.append)

    till.order("/by-hand", "/checkout")

    connection.set_trace_callback(None)
    assert kinds(sent) == kinds([each.sql for each in cost.statements])


def kinds(statements: Sequence[str]) -> list[tuple[str, str]]:
    """Return what each statement does to which table; rows of one table in a row count once."""
    verbs, places = "SELECT|INSERT|UPDATE|DELETE", "FROM|INTO|UPDATE"
    first = re.compile(rf"({verbs})\b.*?\b(?:{places}) (\w+)", re.DOTALL)
    # An UPDATE has its table behind the verb itself.
    sent = [each.replace("UPDATE ", "UPDATE UPDATE ", 1) for each in statements]
    found = [(match[1], match[2]) for each in sent if (match := first.match(each))]
    return [pair for pair, _ in groupby(found)]
