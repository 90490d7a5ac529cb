import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, inspect, make_url, select, text

import shop
import shop.models
from shop.cli import upgrade
from shop.db import Model, make_engine
from tests import databases

Rows = dict[str, list[dict[str, Any]]]
AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without any table, which the test may change."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'folder made by migrate' / 'store.sqlite3'}"
    if databases.POSTGRES_VARIABLE not in os.environ:
        databases.not_run(f"{databases.POSTGRES_VARIABLE} names no PostgreSQL")
    server = make_url(os.environ[databases.POSTGRES_VARIABLE])
    name = f"{server.database}_migrations_{request.getfixturevalue('worker_id')}"
    databases.create_database(server, name)
    return server.set(database=name).render_as_string(hide_password=False)


def config_for(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(shop.__file__).parent / "migrations"))
    config.attributes["database_url"] = url
    return config


def write(url: str, rows: Rows) -> None:
    """Write rows as they are into the tables as they are, which no model describes."""
    engine = make_engine(url)
    known = MetaData()
    known.reflect(engine)
    with engine.begin() as connection:
        for name, some in rows.items():
            connection.execute(known.tables[name].insert(), some)
    engine.dispose()


def read(url: str) -> Rows:
    """Read all rows of all tables, in the order of their keys."""
    engine = make_engine(url)
    known = MetaData()
    known.reflect(engine)
    with engine.connect() as connection:
        rows = {
            name: [
                dict(row)
                for row in connection.execute(select(t).order_by(*t.primary_key)).mappings()
            ]
            for name, t in known.tables.items()
            if name != "alembic_version"
        }
    engine.dispose()
    return rows


def orphans(url: str) -> Sequence[object]:
    """Return the rows that refer to rows that are not there; PostgreSQL never has one."""
    engine = make_engine(url)
    with engine.connect() as connection:
        is_sqlite = engine.dialect.name == "sqlite"
        found = connection.execute(text("PRAGMA foreign_key_check")).all() if is_sqlite else []
    engine.dispose()
    return found


def old_order(order_id: int, status: str, payment: str, fulfillment: str) -> dict[str, Any]:
    return {
        "id": order_id,
        "number": f"BB-{order_id}",
        "checkout_token": f"spent-{order_id}",
        "status": status,
        "payment_status": payment,
        "fulfillment_status": fulfillment,
        "email": "Ada@Example.com",
        "folded_email": "ada@example.com",
        "name": "Ada Lovelace",
        "address": "12 St James's Square",
        "city": "London",
        "postcode": "SW1Y 4JH",
        "country_code": "GB",
        "shipping_method": "standard",
        "currency": "GBP",
        "goods_amount": 1000 * order_id,
        "shipping_amount": 395,
        "tax_rate": 2000,
        "tax_amount": 7,
        "total_amount": 1000 * order_id + 402,
        "placed_at": AT,
    }


def old_job(number: str, kind: str, done_at: datetime | None = None) -> dict[str, Any]:
    return {
        "key": f"{number}:{kind}:1",
        "kind": kind,
        "payload": {"number": number, "nth": 1},
        "created_at": AT,
        "due_at": AT,
        "attempts": 0,
        "done_at": done_at,
    }


def old_product(product_id: int) -> dict[str, Any]:
    texts = dict.fromkeys(("summary", "description", "picture", "picture_alt"), "a text")
    return {
        **texts,
        "id": product_id,
        "sku": f"SKU-{product_id}",
        "slug": f"thing-{product_id}",
        "name": "Thing",
        "search_name": "thing",
        "price_amount": 1000,
        "currency": "GBP",
        "category_id": 1,
        "listed_at": AT,
    }


# How far orders had come, and what the upgrade makes of their fulfillment.
OLD_ORDERS = {
    1: ("placed", "pending", "unfulfilled"),
    2: ("confirmed", "paid", "unfulfilled"),
    3: ("confirmed", "paid", "shipped"),
    4: ("completed", "paid", "delivered"),
    5: ("canceled", "declined", "unfulfilled"),
    6: ("confirmed", "paid", "unfulfilled"),
}
HANDED_OVER = {2}
FIRST_RELEASE: Rows = {
    "category": [{"id": 1, "slug": "desk", "name": "Desk", "summary": ""}],
    "country": [{"code": "GB", "name": "United Kingdom", "tax_rate": 2000}],
    "shipping_rate": [
        {"country_code": "GB", "method": "standard", "amount": 395, "currency": "GBP", "days": "2"}
    ],
    "product": [old_product(n) for n in (1, 2, 3)],
    "stock_item": [
        {"product_id": n, "on_hand": 10 * (n - 1), "allocated": n - 1} for n in (1, 2, 3)
    ],
    "cart": [{"id": 1, "token": "cart", "checkout_token": "checkout", "created_at": AT}],
    "cart_line": [{"id": 1, "cart_id": 1, "product_id": 2, "quantity": 3}],
    "orders": [old_order(n, *statuses) for n, statuses in OLD_ORDERS.items()],
    "order_line": [
        {
            "id": n,
            "order_id": n,
            "product_id": 2,
            "sku": "SKU-2",
            "name": "Thing",
            "unit_amount": 1000,
            "currency": "GBP",
            "quantity": n,
        }
        for n in OLD_ORDERS
    ],
    "payment": [
        {
            "order_id": n,
            "amount": 1000 * n + 402,
            "currency": "GBP",
            "card_token": f"tok_{n}",
            "card_brand": "visa",
            "card_last4": "4242",
            "provider_id": f"pay_{n}" if n > 1 else None,
        }
        for n in OLD_ORDERS
    ],
    "order_history": [
        {"id": n, "order_id": n, "subject": "status", "status": "placed", "at": AT}
        for n in OLD_ORDERS
    ],
    "shipment": [{"order_id": n, "tracking_number": f"LP-{n}", "booked_at": AT} for n in (3, 4)],
    "webhook_event": [{"id": "evt_1", "received_at": AT}],
    "job": [
        old_job("BB-1", "authorize_payment"),
        old_job("BB-2", "book_parcel"),
        old_job("BB-3", "book_parcel", done_at=AT),
        old_job("BB-3", "track_parcel"),
        old_job("BB-6", "capture_payment"),
    ],
}
# What people have added since, which the first release knows nothing of.
SINCE_THEN: Rows = {
    "customer": [
        {
            "id": 1,
            "email": "ada@example.com",
            "folded_email": "ada@example.com",
            "name": "Ada Lovelace",
            "address": "",
            "city": "",
            "postcode": "",
            "country_code": "GB",
            "password_hash": "a hash",
            "is_staff": False,
            "created_at": AT,
        }
    ],
    "sign_in": [{"token": "a token", "customer_id": 1, "ends_at": AT}],
    "cart": [
        {"id": 2, "token": "own", "checkout_token": "own", "created_at": AT, "customer_id": 1}
    ],
    "cart_line": [{"id": 2, "cart_id": 2, "product_id": 3, "quantity": 1}],
    "orders": [
        {**old_order(7, "confirmed", "paid", "packed"), "customer_id": 1, "refunded_amount": 500}
    ],
    "payment": [{"order_id": 7, "card_token": "t", "card_brand": "visa", "card_last4": "4242"}],
    "refund": [{"order_id": 7, "nth": 1, "amount": 500, "currency": "GBP", "requested_at": AT}],
}


@pytest.fixture
def first_release(empty_url: str) -> str:
    """A database of the first release with orders at every point of their way."""
    Path(make_url(empty_url).database or "").parent.mkdir(parents=True, exist_ok=True)
    command.upgrade(config_for(empty_url), "0001")
    write(empty_url, FIRST_RELEASE)
    return empty_url


def tables(url: str) -> set[str]:
    engine = make_engine(url)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names - {"alembic_version"}


def test_an_upgrade_makes_the_tables_of_the_models(empty_url: str) -> None:
    upgrade(empty_url)

    engine = make_engine(empty_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, Model.metadata)
    engine.dispose()
    assert differences == []


def test_an_upgrade_keeps_the_checks_of_the_models(empty_url: str) -> None:
    upgrade(empty_url)

    engine = make_engine(empty_url)
    made = {
        str(check["name"])
        for table in Model.metadata.tables
        for check in inspect(engine).get_check_constraints(table)
    }
    engine.dispose()
    assert made == {
        "ck_cart_line_quantity",
        "ck_country_tax_rate",
        "ck_order_line_quantity",
        "ck_order_line_refunded",
        "ck_orders_goods",
        "ck_orders_refunded",
        "ck_orders_total",
        "ck_product_price",
        "ck_refund_amount",
        "ck_shipping_rate_amount",
        "ck_stock_item_allocated",
        "ck_stock_item_on_hand",
    }


def test_a_second_upgrade_changes_nothing(empty_url: str) -> None:
    upgrade(empty_url)
    engine = make_engine(empty_url)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO category (slug, name, summary) VALUES ('a', 'A', '')"))

    upgrade(empty_url)

    with engine.connect() as connection:
        assert connection.execute(text("SELECT slug FROM category")).all() == [("a",)]
    engine.dispose()


def test_a_downgrade_takes_every_table_away(empty_url: str) -> None:
    upgrade(empty_url)

    command.downgrade(config_for(empty_url), "base")

    assert tables(empty_url) == set()


def test_an_upgrade_keeps_every_row_of_the_first_release(first_release: str) -> None:
    before = read(first_release)

    upgrade(first_release)

    after = read(first_release)
    changed = {("payment", "amount"), ("payment", "currency"), ("orders", "fulfillment_status")}
    for name, rows in before.items():
        kept = [{c: v for c, v in row.items() if (name, c) not in changed} for row in rows]
        assert [
            {c: new[c] for c in row} for row, new in zip(kept, after[name], strict=True)
        ] == kept
    assert orphans(first_release) == []


def test_an_upgrade_fills_the_new_columns(first_release: str) -> None:
    upgrade(first_release)

    rows = read(first_release)
    new = {
        (name, column): {row[column] for row in rows[name]}
        for name, column in [
            ("product", "version"),
            ("order_line", "refunded"),
            ("orders", "refunded_amount"),
            ("orders", "customer_id"),
            ("cart", "customer_id"),
        ]
    }
    assert [*new.values()] == [{1}, {0}, {0}, {None}, {None}]
    assert rows["payment"][0].keys() & {"amount", "currency"} == set()


def test_an_upgrade_opens_the_ledger_with_what_is_on_hand(first_release: str) -> None:
    upgrade(first_release)

    rows = read(first_release)
    ledger = {row["product_id"]: (row["delta"], row["reason"]) for row in rows["stock_movement"]}
    on_hand = {row["product_id"]: (row["on_hand"], "received") for row in rows["stock_item"]}
    assert (ledger, len(rows["stock_movement"])) == (on_hand, 3)


def test_an_upgrade_knows_which_parcels_are_handed_over(first_release: str) -> None:
    upgrade(first_release)

    found = {row["id"]: row["fulfillment_status"] for row in read(first_release)["orders"]}
    expected = {n: status for n, (_, _, status) in OLD_ORDERS.items()}
    assert found == {**expected, **dict.fromkeys(HANDED_OVER, "shipping")}


def test_a_downgrade_gives_the_first_release_its_rows_back(first_release: str) -> None:
    before = read(first_release)
    upgrade(first_release)

    command.downgrade(config_for(first_release), "0001")

    assert (read(first_release), orphans(first_release)) == (before, [])


def test_a_downgrade_keeps_carts_and_orders_of_customers(first_release: str) -> None:
    upgrade(first_release)
    write(first_release, SINCE_THEN)

    command.downgrade(config_for(first_release), "0001")

    rows = read(first_release)
    [order] = [row for row in rows["orders"] if row["id"] == 7]
    [payment] = [row for row in rows["payment"] if row["order_id"] == 7]
    assert (order["fulfillment_status"], order["total_amount"]) == ("unfulfilled", 7402)
    assert (payment["amount"], payment["currency"]) == (7402, "GBP")
    assert [len(rows[name]) for name in ("orders", "cart", "cart_line")] == [7, 2, 2]
    assert orphans(first_release) == []


def test_a_downgraded_database_can_be_upgraded_again(first_release: str) -> None:
    upgrade(first_release)
    once = read(first_release)
    command.downgrade(config_for(first_release), "0001")

    upgrade(first_release)

    again = read(first_release)
    for rows in (once, again):
        for movement in rows["stock_movement"]:
            del movement["at"]
    assert again == once
