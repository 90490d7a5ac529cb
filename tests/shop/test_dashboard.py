import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from shop.domain.money import Money
from shop.domain.order_status import OrderStatus
from shop.models import Product
from shop.queries.sales import Sales, list_daily_sales, list_monthly_sales
from tests.factories import CustomerFactory, OrderFactory
from tests.shop.browsers import sign_in_browser

LARGEST = 2**31 - 1
BAR = r'<rect x="([\d.]+)" y="([\d.]+)" width="0.7" height="([\d.]+)"'
Statements = list[tuple[str, Any]]


@pytest.fixture
def staff(app: Flask, session: Session) -> FlaskClient:
    return sign_in_browser(app, session, CustomerFactory.create(name="Jo", is_staff=True))


def place(product: Product, at: datetime, amount: int = 1000, **facts: object) -> None:
    """Write an order of this total, all of which is goods."""
    sums = {"goods_amount": amount, "shipping_amount": 0, "tax_rate": 0}
    OrderFactory.create(product=product, placed_at=at, **sums, **facts)


def sold(sales: list[Sales]) -> dict[str, tuple[int, int]]:
    return {sale.period: (sale.orders, sale.total.amount) for sale in sales if sale.orders}


def sent_by(session: Session) -> Statements:
    """Return what the two lists send to the database."""
    engine: Engine = session.get_bind()  # type: ignore[assignment]
    sent: Statements = []

    def keep(_connection: object, _cursor: object, statement: str, given: Any, *_: object) -> None:
        sent.append((statement, given))

    event.listen(engine, "before_cursor_execute", keep)
    for each in (list_daily_sales, list_monthly_sales):
        each(session, START)
    event.remove(engine, "before_cursor_execute", keep)
    return sent


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
def test_orders_are_added_up_by_the_day_and_month_of_utc(
    session: Session, lamp: Product, zone: str
) -> None:
    midnight = datetime(2026, 3, 1, tzinfo=UTC)
    place(lamp, midnight, 100)
    place(lamp, midnight + timedelta(hours=23, minutes=59, seconds=59, microseconds=999_999), 20)
    place(lamp, midnight - timedelta(microseconds=1), 3)
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SET LOCAL TIME ZONE '{zone}'"))

    days, months = list_daily_sales(session, START), list_monthly_sales(session, START)

    assert sold([*days]) == {"2026-02-28": (1, 3), "2026-03-01": (2, 120)}
    assert sold([*months]) == {"2026-02": (1, 3), "2026-03": (2, 120)}


def test_every_day_and_month_is_named_once_also_those_without_sales(session: Session) -> None:
    days, months = list_daily_sales(session, START), list_monthly_sales(session, START)

    starts = [START - timedelta(days=ago) for ago in reversed(range(30))]
    assert [*days] == [Sales(f"{day:%Y-%m-%d}", 0, Money(0)) for day in starts]
    assert [sale.period for sale in months] == [
        *(f"2025-{month:02}" for month in range(4, 13)),
        *("2026-01", "2026-02", "2026-03"),
    ]


@pytest.mark.parametrize(
    ("now", "first", "last"),
    [
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), "2026-01", "2026-12"),
        (datetime(2027, 1, 1, tzinfo=UTC), "2026-02", "2027-01"),
        (datetime(2024, 2, 29, tzinfo=UTC), "2023-03", "2024-02"),
    ],
)
def test_twelve_months_end_with_this_one(
    session: Session, now: datetime, first: str, last: str
) -> None:
    months = [sale.period for sale in list_monthly_sales(session, now)]

    assert (months[0], months[-1], len(set(months))) == (first, last, 12)


def test_what_is_canceled_or_too_long_ago_does_not_count(session: Session, lamp: Product) -> None:
    first = datetime(2026, 2, 1, tzinfo=UTC)
    place(lamp, first, 7)
    place(lamp, first - timedelta(microseconds=1), 100)
    place(lamp, first, 100, status=OrderStatus.CANCELED)

    assert sold([*list_daily_sales(session, START)]) == {"2026-02-01": (1, 7)}


def test_the_sum_of_the_largest_orders_is_right(session: Session, lamp: Product) -> None:
    for _ in range(3):
        place(lamp, START, LARGEST)

    assert sold([*list_monthly_sales(session, START)]) == {"2026-03": (3, 3 * LARGEST)}


def test_rows_and_statements_do_not_grow_with_the_orders(session: Session, lamp: Product) -> None:
    def fetch() -> list[int]:
        connection = session.connection()
        return [
            len(connection.exec_driver_sql(statement, given).all())
            for statement, given in sent_by(session)
        ]

    for number in range(50):
        place(lamp, START - timedelta(days=number % 5))
    few = fetch()
    for number in range(150):
        place(lamp, START - timedelta(days=number % 5))

    assert (fetch(), few) == ([30, 12], [30, 12])


def test_the_index_on_the_moment_serves_both_lists(session: Session) -> None:
    sent = sent_by(session)
    url = session.get_bind().engine.url
    # A pooled connection of SQLite may keep a plan that it has made before.
    engine = create_engine(url)
    with engine.connect() as fresh:
        if url.get_backend_name() == "sqlite":
            plans = [
                str(fresh.exec_driver_sql(f"EXPLAIN QUERY PLAN {s}", g).all()) for s, g in sent
            ]
        else:
            fresh.execute(text("SET enable_seqscan = off"))
            plans = [
                json.dumps(fresh.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {s}", g).scalar())
                for s, g in sent
            ]
    engine.dispose()

    assert ["ix_orders_placed_at" in plan for plan in plans] == [True, True]
    assert [word for plan in plans for word in ("SCAN orders", "Seq Scan") if word in plan] == []


def test_the_dashboard_draws_a_bar_for_each_day_with_sales(
    staff: FlaskClient, lamp: Product
) -> None:
    place(lamp, START, 4000)
    place(lamp, START - timedelta(days=29), 1000)

    page = staff.get("/staff/dashboard").text

    bars = [tuple(map(float, bar)) for bar in re.findall(BAR, page)]
    # The two days, and then the two months, which are March and February.
    assert bars == [(0.15, 75, 25), (29.15, 0, 100), (10.15, 75, 25), (11.15, 0, 100)]
    assert page.count(">£40.00<") >= 4


def test_a_day_with_little_is_still_seen(staff: FlaskClient, lamp: Product) -> None:
    place(lamp, START, LARGEST)
    place(lamp, START - timedelta(days=1), 1)

    heights = [float(bar[2]) for bar in re.findall(BAR, staff.get("/staff/dashboard").text)]

    assert heights == [1, 100, 100]


@pytest.mark.parametrize("amounts", [[], [0], [1], [LARGEST] * 2])
def test_the_dashboard_is_drawn_for_any_sums(
    staff: FlaskClient, lamp: Product, amounts: list[int]
) -> None:
    for amount in amounts:
        place(lamp, START, amount)

    page = staff.get("/staff/dashboard")

    assert page.status_code == 200
    assert f"{Money(sum(amounts))}</dd>" in page.text
    assert ("Nothing was sold in this time." in page.text) is not any(amounts)
    assert all(0 <= float(y) <= 100 >= float(h) for _, y, h in re.findall(BAR, page.text))


def test_the_dashboard_holds_no_style_and_no_script(staff: FlaskClient, lamp: Product) -> None:
    place(lamp, START)

    page = staff.get("/staff/dashboard").text

    assert ("<svg" in page, " style=" in page, "<style" in page) == (True, False, False)
    assert re.findall(r"<script(?![^>]* src=)", page) == []
