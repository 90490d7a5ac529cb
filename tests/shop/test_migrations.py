import os
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect, make_url, text

import shop
import shop.models
from scenarios.kit.databases import create_database
from shop.cli import upgrade
from shop.db import Model, make_engine
from tests.databases import POSTGRES_VARIABLE, not_run


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without any table, which the test may change."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'folder made by migrate' / 'store.sqlite3'}"
    if POSTGRES_VARIABLE not in os.environ:
        not_run(f"{POSTGRES_VARIABLE} names no PostgreSQL")
    server = make_url(os.environ[POSTGRES_VARIABLE])
    name = f"{server.database}_migrations_{request.getfixturevalue('worker_id')}"
    create_database(server, name)
    return server.set(database=name).render_as_string(hide_password=False)


def tables(url: str) -> set[str]:
    engine = make_engine(url)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names - {"alembic_version"}


def config_for(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(shop.__file__).parent / "migrations"))
    config.attributes["database_url"] = url
    return config


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
        "ck_allowance_used",
        "ck_cart_line_quantity",
        "ck_country_tax_rate",
        "ck_coupon_rate",
        "ck_coupon_used",
        "ck_customer_address",
        "ck_gift_card_balance",
        "ck_order_line_quantity",
        "ck_order_line_refunded",
        "ck_orders_address",
        "ck_orders_discount",
        "ck_orders_gift_card",
        "ck_orders_goods",
        "ck_orders_refunded",
        "ck_orders_total",
        "ck_product_limit",
        "ck_product_price",
        "ck_product_sale",
        "ck_product_stars",
        "ck_refund_amount",
        "ck_review_stars",
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
