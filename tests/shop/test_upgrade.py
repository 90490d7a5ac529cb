from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, MetaData, func, select, text
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from scenarios.kit.settings import settings_for
from scenarios.kit.work import run_due_jobs
from shop import create_app
from shop.cli import make_worker, upgrade
from shop.db import make_engine
from shop.gateways.fakes import make_fakes
from shop.models import (
    Cart,
    CartLine,
    Job,
    Order,
    OrderLine,
    Payment,
    Product,
    Refund,
    SignIn,
    StockItem,
    StockMovement,
)
from tests.factories import CartFactory, CustomerFactory, OrderFactory, bind_factories
from tests.shop.test_migrations import config_for
from tests.shop.test_migrations import empty_url as empty_url

# The orders by number: their statuses before, and those of their fulfillment afterwards.
ORDERS = {
    "BB-PLACED": ("placed", "pending", "unfulfilled", "unfulfilled"),
    "BB-AUTHORIZED": ("placed", "authorized", "unfulfilled", "unfulfilled"),
    "BB-FAILED": ("placed", "failed", "unfulfilled", "unfulfilled"),
    "BB-DECLINED": ("canceled", "declined", "unfulfilled", "unfulfilled"),
    "BB-WAITING": ("confirmed", "paid", "unfulfilled", "shipping"),
    "BB-SET-ASIDE": ("confirmed", "paid", "unfulfilled", "shipping"),
    "BB-SHIPPED": ("confirmed", "paid", "shipped", "shipped"),
    "BB-DELIVERED": ("completed", "paid", "delivered", "delivered"),
}
ON_HAND = {1: 10, 2: 4, 3: 0}
ALLOCATED = {1: 5, 2: 0, 3: 0}
ROWS = {"product": 3, "stock_item": 3, "cart": 2, "cart_line": 2, "job": 9, "webhook_event": 1}
ROWS |= dict.fromkeys(("orders", "order_line", "order_history", "payment"), len(ORDERS))
ROWS |= {"shipment": 2, "country": 1, "category": 1}


def jobs_of(number: str) -> list[dict[str, Any]]:
    """Return the jobs that the order has at the old revision."""
    kinds: dict[str, dict[str, dict[str, Any]]] = {
        "BB-PLACED": {"authorize_payment": {}},
        "BB-AUTHORIZED": {"authorize_payment": {"done_at": START}, "capture_payment": {}},
        "BB-FAILED": {"check_payment": {}},
        "BB-WAITING": {"book_parcel": {}},
        "BB-SET-ASIDE": {"book_parcel": {"set_aside_at": START, "last_error": "no"}},
        "BB-SHIPPED": {"book_parcel": {"done_at": START}, "track_parcel": {}},
        "BB-DELIVERED": {"book_parcel": {"done_at": START}},
    }
    return [
        {
            "key": f"{number}:{kind}:1",
            "kind": kind,
            "payload": {"number": number, "nth": 1},
            "created_at": START,
            "due_at": START,
            "attempts": 0,
            "done_at": None,
            "set_aside_at": None,
            "last_error": None,
            **settled,
        }
        for kind, settled in kinds.get(number, {}).items()
    ]


def fill(connection: Connection) -> None:
    """Write a store of the old revision, with an order in each state that it knows."""
    old = MetaData()
    old.reflect(connection)

    def write(table: str, *rows: dict[str, Any]) -> None:
        connection.execute(old.tables[table].insert(), list(rows))

    write("country", {"code": "GB", "name": "United Kingdom", "tax_rate": 2000})
    write("category", {"id": 1, "slug": "desk", "name": "Desk", "summary": ""})
    texts = dict.fromkeys(("summary", "description", "picture", "picture_alt"), "")
    for nth in ON_HAND:
        names = {"sku": f"SAW-{nth}", "slug": f"saw-{nth}", "name": "Saw", "search_name": "saw"}
        price = {"price_amount": 1000, "currency": "GBP", "category_id": 1, "listed_at": START}
        write("product", {"id": nth, **names, **texts, **price})
        stock = {"on_hand": ON_HAND[nth], "allocated": ALLOCATED[nth]}
        write("stock_item", {"product_id": nth, **stock})
        if nth < 3:
            tokens = {"token": f"cart-{nth}", "checkout_token": f"next-{nth}"}
            write("cart", {"id": nth, **tokens, "created_at": START})
            write("cart_line", {"cart_id": nth, "product_id": nth, "quantity": 2})
    write("webhook_event", {"id": "evt_1", "received_at": START})
    for order_id, (number, statuses) in enumerate(ORDERS.items(), start=1):
        write("orders", order_row(order_id, number, statuses))
        line = {"sku": "SAW-1", "name": "Saw", "unit_amount": 1000, "currency": "GBP"}
        write("order_line", {"order_id": order_id, "product_id": 1, "quantity": 1, **line})
        card = {"card_token": f"tok_{number}", "card_brand": "visa", "card_last4": "4242"}
        money = {"amount": 1674, "currency": "GBP", "provider_id": f"pay_{number}"}
        write("payment", {"order_id": order_id, **card, **money})
        event = {"subject": "status", "status": statuses[0], "at": START}
        write("order_history", {"order_id": order_id, **event})
        if statuses[2] in ("shipped", "delivered"):
            parcel = {"tracking_number": f"LP-{number}", "booked_at": START}
            write("shipment", {"order_id": order_id, **parcel})
        if jobs := jobs_of(number):
            write("job", *jobs)


def order_row(order_id: int, number: str, statuses: tuple[str, ...]) -> dict[str, Any]:
    status, payment, fulfillment, _ = statuses
    return {
        "id": order_id,
        "number": number,
        "checkout_token": f"spent-before-{order_id}",
        "status": status,
        "payment_status": payment,
        "fulfillment_status": fulfillment,
        "email": "Ada@example.com",
        "folded_email": "ada@example.com",
        "name": "Ada Lovelace",
        "address": "12 St James's Square",
        "city": "London",
        "postcode": "SW1Y 4JH",
        "country_code": "GB",
        "shipping_method": "standard",
        "currency": "GBP",
        "goods_amount": 1000,
        "shipping_amount": 395,
        "tax_rate": 2000,
        "tax_amount": 279,
        "total_amount": 1674,
        "placed_at": START,
    }


@pytest.fixture
def engine(empty_url: str) -> Iterator[Engine]:
    """A database of the old revision with rows in every table."""
    if empty_url.startswith("sqlite"):
        Path(empty_url.removeprefix("sqlite:///")).parent.mkdir()
    command.upgrade(config_for(empty_url), "0001")
    engine = make_engine(empty_url)
    with engine.begin() as connection:
        fill(connection)
    yield engine
    engine.dispose()


def address(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def count_rows(engine: Engine) -> dict[str, int]:
    known = MetaData()
    known.reflect(engine)
    with engine.connect() as connection:
        return {
            table: connection.scalar(select(func.count()).select_from(known.tables[table])) or 0
            for table in ROWS
        }


def stock_of(session: Session) -> tuple[int, int]:
    item = session.get_one(StockItem, 1)
    return item.on_hand, item.allocated


def ledger_of(session: Session) -> int:
    moved = select(func.sum(StockMovement.delta)).where(StockMovement.product_id == 1)
    return session.scalar(moved) or 0


def test_an_upgrade_keeps_every_row_of_a_store_that_has_sold(engine: Engine) -> None:
    before = count_rows(engine)

    upgrade(address(engine))

    assert (before, count_rows(engine)) == (ROWS, ROWS)


def test_an_upgrade_hands_over_what_waited_for_its_parcel_and_leaves_the_rest(
    engine: Engine,
) -> None:
    upgrade(address(engine))

    with Session(engine) as session:
        found = {
            order.number: (order.status, order.payment_status, order.fulfillment_status)
            for order in session.scalars(select(Order))
        }
    assert found == {number: (*has[:2], has[3]) for number, has in ORDERS.items()}


def test_an_upgrade_opens_the_ledger_with_what_is_on_hand(engine: Engine) -> None:
    upgrade(address(engine))

    with Session(engine) as session:
        moved = select(StockMovement.product_id, StockMovement.delta, StockMovement.reason)
        opened = [tuple(row) for row in session.execute(moved.order_by(StockMovement.product_id))]
        stock = {i.product_id: (i.on_hand, i.allocated) for i in session.scalars(select(StockItem))}
        now = datetime.now(START.tzinfo)
        age = [now - at for at in session.scalars(select(StockMovement.at))]
    assert opened == [(nth, on_hand, "received") for nth, on_hand in ON_HAND.items()]
    assert stock == {nth: (on_hand, ALLOCATED[nth]) for nth, on_hand in ON_HAND.items()}
    assert timedelta(seconds=-2) < min(age) <= max(age) < timedelta(minutes=5)


def test_an_upgrade_fills_what_is_new_and_keeps_what_was_there(engine: Engine) -> None:
    upgrade(address(engine))

    with Session(engine) as session:
        orders = session.scalars(select(Order).order_by(Order.id)).all()
        new = {(order.customer_id, order.refunded_amount) for order in orders}
        cards = session.scalars(select(Payment.card_token).order_by(Payment.order_id)).all()
        assert (new, cards) == ({(None, 0)}, [f"tok_{number}" for number in ORDERS])
        assert {order.placed_at for order in orders} == {START}
        assert set(session.scalars(select(OrderLine.refunded))) == {0}
        assert set(session.scalars(select(Product.version))) == {1}
        assert set(session.scalars(select(Cart.customer_id))) == {None}
        assert session.scalars(select(CartLine.quantity)).all() == [2, 2]
        assert session.scalars(select(Payment.provider_id)).first() == "pay_BB-PLACED"


def test_the_store_goes_on_after_an_upgrade_where_it_was(engine: Engine) -> None:
    upgrade(address(engine))
    outside = make_fakes()
    app = create_app(settings_for(address(engine)), gateways=outside, clock=lambda: START)

    run_due_jobs(make_worker(app))

    app.extensions["sessions"].kw["bind"].dispose()
    with Session(engine) as session:
        waiting = session.scalars(select(Order).where(Order.number == "BB-WAITING")).one()
        assert (waiting.status, waiting.fulfillment_status) == ("completed", "delivered")
        assert (stock_of(session), ledger_of(session)) == ((9, 4), 9)


def test_a_downgrade_keeps_every_row_and_gives_payments_their_amounts_back(engine: Engine) -> None:
    upgrade(address(engine))

    command.downgrade(config_for(address(engine)), "0001")

    old = MetaData()
    old.reflect(engine)
    payment, orders = old.tables["payment"], old.tables["orders"]
    with engine.connect() as connection:
        amounts = {
            tuple(row) for row in connection.execute(select(payment.c.amount, payment.c.currency))
        }
        statuses = connection.execute(select(orders.c.number, orders.c.fulfillment_status))
        found = {row.number: row.fulfillment_status for row in statuses}
    assert (count_rows(engine), amounts) == (ROWS, {(1674, "GBP")})
    assert found == {number: has[2] for number, has in ORDERS.items()}


def test_a_downgrade_keeps_what_customers_have_ordered_since(engine: Engine) -> None:
    upgrade(address(engine))
    with Session(engine) as session, bind_factories(session):
        ada = CustomerFactory.create().id
        CartFactory.create(id=100, customer_id=ada, token="hers", checkout_token="hers")
        session.add(SignIn(token="a token", customer_id=ada, ends_at=START))
        order = OrderFactory.create(
            id=100,
            number="BB-SINCE",
            product=session.get_one(Product, 1),
            customer_id=ada,
            fulfillment_status="packed",
            refunded_amount=500,
        )
        order.refunds = [Refund(nth=1, amount=500, currency="GBP", requested_at=START)]
        session.commit()

    command.downgrade(config_for(address(engine)), "0001")

    grown = {"orders", "order_line", "payment", "cart"}
    assert count_rows(engine) == {table: n + (table in grown) for table, n in ROWS.items()}
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT fulfillment_status FROM orders WHERE id = 100"))
        assert kept.scalars().all() == ["unfulfilled"]


def test_a_store_that_went_down_comes_up_again_the_same(engine: Engine) -> None:
    upgrade(address(engine))
    command.downgrade(config_for(address(engine)), "0001")

    upgrade(address(engine))

    with Session(engine) as session:
        assert (stock_of(session), ledger_of(session)) == ((10, 5), 10)
        open_jobs = select(Job.kind).where(Job.done_at.is_(None), Job.set_aside_at.is_(None))
        assert sorted(session.scalars(open_jobs)) == [
            "authorize_payment",
            "book_parcel",
            "capture_payment",
            "check_payment",
            "track_parcel",
        ]
