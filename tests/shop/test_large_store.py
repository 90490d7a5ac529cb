import re
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from urllib.parse import urldefrag

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from scenarios.kit.clock import START, FixedClock
from scenarios.kit.databases import copy_sqlite
from scenarios.kit.work import run_due_jobs
from seed_data.chance import DAY, HOUR, LAST_DATE, Dice, spread_moments, write_moment
from seed_data.large import PASSWORD, load_large_store, weigh_ranks
from shop.db import Model, make_engine
from shop.domain.email_address import fold_email
from shop.domain.pricing import price_order, price_refund, sum_lines
from shop.gateways import Gateways
from shop.gateways.fakes import APPROVED
from shop.models import Cart, Customer, Job, Order, OrderLine, Product, Review, StockMovement
from shop.models.catalog import fold_name
from shop.services.accounts import register
from shop.services.cart import add_to_cart, start_cart
from shop.services.checkout import CheckoutForm, Delivery, place_order
from shop.services.fulfillment import pack_order, ship_order
from shop.services.promotions import NO_CODES
from shop.services.quotes import quote_cart
from shop.worker.loop import Worker
from tests.shop.order_books import find_faults

ROOT = Path(__file__).parents[2]
ORDERS = 300
MOST_OF_A_KIND = 6

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
made_up = Order.checkout_token.startswith("made-up-")


def say_nothing(_what: str, _done: int, _whole: int) -> None:
    """Take the news and keep it."""


def count_from_one(session: Session) -> None:
    """Let the ids begin anew on PostgreSQL, where earlier tests have used some up."""
    if session.get_bind().dialect.name == "postgresql":
        names = ", ".join(table.name for table in Model.metadata.sorted_tables)
        session.execute(sa.text(f"TRUNCATE {names} RESTART IDENTITY"))
        session.commit()


@pytest.fixture
def large(session: Session) -> Session:
    """A session on a small large store."""
    count_from_one(session)
    load_large_store(session, ORDERS, 1, say_nothing)
    return session


def made_up_rows(session: Session) -> dict[str, list[tuple[object, ...]]]:
    """Return every row, without the secrets that the standard store makes anew each time."""
    session.rollback()
    tables = {table.name: table for table in Model.metadata.sorted_tables}
    of_nobody = Customer.folded_email.endswith("@letters.example")
    statements = {name: sa.select(table) for name, table in tables.items()}
    statements["customer"] = sa.select(tables["customer"]).where(of_nobody)
    statements["cart"] = sa.select(tables["cart"]).where(Cart.token.startswith("made-up-"))
    return {
        name: [tuple(row) for row in session.execute(each.order_by(*tables[name].primary_key))]
        for name, each in statements.items()
    }


SHAPES = {
    "sqlite": "SELECT type, name, sql FROM sqlite_master WHERE name != 'sqlite_stat1'",
    "postgresql": """SELECT 'index', indexname, indexdef FROM pg_indexes
        WHERE schemaname = 'public'
        UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
}


def shape_of(session: Session) -> list[tuple[object, ...]]:
    """Return the indexes and constraints that the database has."""
    session.rollback()
    statement = sa.text(SHAPES[session.get_bind().dialect.name])
    return sorted(tuple(row) for row in session.execute(statement))


def test_a_large_store_keeps_right_books(large: Session) -> None:
    assert find_faults(large, received=0) == []


@on_sqlite
def test_the_ledger_of_a_large_store_tells_every_unit_that_came_and_went(large: Session) -> None:
    delivered = sa.select(OrderLine).join(Order).where(Order.fulfillment_status == "delivered")
    lines = large.scalars(delivered).all()
    expected = Counter[tuple[str, int]]()
    for line in lines:
        expected["shipped", line.product_id] -= line.quantity
        expected["returned", line.product_id] += line.refunded

    found, on_hand = Counter[tuple[str, int]](), Counter[int]()
    for moved in large.scalars(sa.select(StockMovement).order_by(StockMovement.id)):
        found[moved.reason, moved.product_id] += moved.delta
        on_hand[moved.product_id] += moved.delta
        assert on_hand[moved.product_id] >= 0

    assert {key: n for key, n in found.items() if key[0] != "received"} == {
        key: n for key, n in expected.items() if n
    }
    assert {reason for reason, _ in found} == {"received", "shipped", "returned"}


@on_sqlite
def test_a_large_store_has_orders_of_every_kind(large: Session) -> None:
    columns = Order.status, Order.payment_status, Order.fulfillment_status
    found = Counter(tuple(row) for row in large.execute(sa.select(*columns).where(made_up)))

    assert sum(found.values()) == ORDERS
    assert set(found) == {
        ("canceled", "declined", "unfulfilled"),
        ("canceled", "refunded", "unfulfilled"),
        ("confirmed", "paid", "unfulfilled"),
        ("confirmed", "paid", "packed"),
        ("completed", "paid", "delivered"),
        ("completed", "refunded", "delivered"),
    }
    assert found["completed", "paid", "delivered"] > ORDERS * 0.8


@on_sqlite
def test_a_large_store_is_as_large_as_it_says(large: Session) -> None:
    lines = large.scalar(sa.select(sa.func.count(OrderLine.id)).join(Order).where(made_up)) or 0
    of_made_up = Customer.email.endswith("@letters.example")
    people = large.scalar(sa.select(sa.func.count(Customer.id)).where(of_made_up))
    written = sa.select(sa.func.count(Review.id)).join(Customer).where(of_made_up)
    reviews = large.scalar(written) or 0

    assert 1.6 < lines / ORDERS < 2.2
    assert ORDERS / 5 * 0.8 < reviews <= ORDERS / 5 + 1
    assert people == ORDERS / 5
    assert large.scalar(sa.select(sa.func.count(Job.id)).where(Job.done_at.is_(None))) == 0


@on_sqlite
def test_every_order_of_a_large_store_is_priced_by_the_rules_of_the_store(large: Session) -> None:
    orders = large.scalars(sa.select(Order).where(made_up)).all()

    refunds = set()
    for order in orders:
        lines = [line.priced for line in order.lines]
        priced = price_order(lines, order.totals.shipping, order.country.tax_rate)
        assert (order.number, priced) == (order.number, order.totals)
        back = sum_lines(replace(line.priced, quantity=line.refunded) for line in order.lines)
        owed = price_refund(order.totals, back, is_whole=not order.units_left)
        assert (order.number, order.refunded) == (order.number, owed)
        refunds.add((bool(order.refunded_amount), bool(order.units_left)))

    assert refunds == {(False, True), (True, True), (True, False)}


def test_products_of_a_large_store_know_their_reviews(large: Session) -> None:
    reviews = large.execute(sa.select(Review.product_id, Review.stars)).all()
    stars = Counter[int]()
    for product_id, each in reviews:
        stars[product_id] += each

    products = large.scalars(sa.select(Product)).all()

    counts = Counter(product_id for product_id, _ in reviews)
    assert {p.id: (p.review_count, p.stars_total) for p in products} == {
        p.id: (counts[p.id], stars[p.id]) for p in products
    }


def test_the_same_seed_makes_the_same_rows_on_both_databases(
    large: Session, sqlite_template: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    other = make_engine(copy_sqlite(sqlite_template, folder))
    with Session(other) as session:
        load_large_store(session, ORDERS, 1, say_nothing)
        expected = made_up_rows(session)
    other.dispose()

    rows = made_up_rows(large)

    assert rows == expected
    assert len(rows["order_history"]) > 10 * ORDERS


@on_sqlite
def test_another_seed_makes_other_orders(large: Session, session: Session) -> None:
    numbers = set(large.scalars(sa.select(Order.number).where(made_up)))
    for table in reversed(Model.metadata.sorted_tables):
        session.execute(table.delete())
    session.commit()

    load_large_store(session, ORDERS, 2, say_nothing)

    others = set(session.scalars(sa.select(Order.number).where(made_up)))
    assert (len(numbers), len(others), numbers & others) == (ORDERS, ORDERS, set())


def test_chance_falls_the_same_on_every_machine() -> None:
    moments = " ".join(map(write_moment, spread_moments(1_000, Dice(1))))

    assert sha256(moments.encode()).hexdigest()[:16] == "3fa724a74994f202"


def test_most_orders_are_placed_in_the_evening_and_in_december() -> None:
    moments = list(spread_moments(20_000, Dice(1)))

    months = Counter(write_moment(each)[5:7] for each in moments)
    hours = Counter(each % DAY // HOUR for each in moments)
    assert (months.most_common(1)[0][0], hours.most_common(1)[0][0]) == ("12", 20)
    assert moments == sorted(moments)
    assert write_moment(moments[0])[:4] == "2023"
    assert write_moment(moments[-1])[:10] == str(LAST_DATE)


def test_a_tenth_of_the_products_makes_half_of_the_sales() -> None:
    dice, ranks = Dice(1), weigh_ranks(1_000)

    sold = [ranks.pick(dice) for _ in range(10_000)]

    assert 0.4 < sum(rank < 100 for rank in sold) / len(sold) < 0.6


@on_sqlite
def test_a_large_store_keeps_its_rows_as_the_store_itself_does(large: Session) -> None:
    moments = "SELECT DISTINCT length(placed_at) || ' ' || substr(placed_at, -7) FROM orders"
    wrong = [
        product.sku
        for product in large.scalars(sa.select(Product))
        if product.search_name != fold_name(product.name)
    ] + [
        customer.email
        for customer in large.scalars(sa.select(Customer))
        if customer.folded_email != fold_email(customer.email)
    ]

    assert large.scalars(sa.text(moments)).all() == ["26 .000000"]
    assert large.execute(sa.text("PRAGMA foreign_key_check")).all() == []
    assert wrong == []


def test_a_load_puts_indexes_and_foreign_keys_back(session: Session) -> None:
    before = shape_of(session)

    load_large_store(session, 20, 1, say_nothing)

    assert shape_of(session) == before
    assert "ix_orders_placed_at" in str(before)


@on_sqlite
def test_a_load_leaves_the_connections_settings_as_they_were(session: Session) -> None:
    names = ("journal_mode", "foreign_keys", "cache_size")

    def settings() -> list[object]:
        return [session.scalar(sa.text(f"PRAGMA {name}")) for name in names]

    before = settings()
    load_large_store(session, 20, 1, say_nothing)

    assert settings() == before
    assert before[:2] == ["wal", 1]


@on_sqlite
def test_a_load_into_a_database_that_is_open_elsewhere_says_so(
    app: Flask, session: Session, database_url: str
) -> None:
    with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as shell:
        shell.execute("SELECT count(*) FROM product").fetchone()

        refused = app.test_cli_runner().invoke(args=["seed", "--scale", "1k"])

    said = "Error: Nothing was seeded. The database says: database is locked.\n"
    assert (refused.exit_code, refused.output) == (1, said)
    assert session.scalars(sa.select(Product.id)).all() == []


def test_a_load_that_is_cut_off_leaves_nothing(session: Session) -> None:
    before = shape_of(session)

    def stop(what: str, done: int, whole: int) -> None:
        if (what, done) == ("indexes and statistics", 1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_large_store(session, 20, 1, stop)

    rows = made_up_rows(session)
    assert {name: len(found) for name, found in rows.items() if found} == {}
    assert shape_of(session) == before


KILLED = """
import os, signal, sys
from sqlalchemy.orm import Session
from seed_data import bulk
from seed_data.large import load_large_store
from shop.db import make_engine

# So little memory that rows reach the file long before the end.
bulk._SQLITE_CACHE_KIB = 64

def tell(what, done, whole):
    if (what, done) == ("indexes and statistics", 1):
        os.kill(os.getpid(), signal.SIGKILL)

load_large_store(Session(make_engine(sys.argv[1])), 1_000, 1, tell)
"""


@on_sqlite
def test_a_load_that_is_killed_leaves_a_database_to_seed(
    database_url: str, app: Flask, session: Session
) -> None:
    session.close()
    killed = subprocess.run([sys.executable, "-c", KILLED, database_url], cwd=ROOT, check=False)
    left = Path(database_url.removeprefix("sqlite:///")).stat().st_size

    seeded = app.test_cli_runner().invoke(args=["seed"])

    assert (killed.returncode, left > 1_500_000) == (-signal.SIGKILL, True)
    assert seeded.output.startswith("Seeded"), seeded.output
    assert session.scalars(sa.text("PRAGMA integrity_check")).all() == ["ok"]
    assert session.scalar(sa.text("PRAGMA journal_mode")) == "wal"
    assert session.scalar(sa.text("PRAGMA foreign_keys")) == 1


def test_a_large_store_goes_on_selling(
    large: Session, worker: Worker, outside: Gateways, clock: FixedClock
) -> None:
    product = large.scalars(sa.select(Product).order_by(Product.id.desc())).first()
    assert product is not None
    sku = product.sku
    register(large, "new@brindle.example", "New", "a long password", START)
    token = start_cart(large, START)
    add_to_cart(large, token, sku, 1)
    cart = large.scalars(sa.select(Cart).where(Cart.token == token)).one()
    totals = quote_cart(large, cart, ("GB", "standard"), {}, START, NO_CODES)
    home = "3 Tallow Lane", "Brindleford", "BR1 2ND", "GB", "standard"
    delivery = Delivery("new@brindle.example", "New", *home)
    form = CheckoutForm(delivery, APPROVED, cart.checkout_token, totals.total)

    number = place_order(large, outside, token, form, START)
    run_due_jobs(worker)
    pack_order(large, number, START)
    ship_order(large, number, START)
    clock.advance(3_600)
    run_due_jobs(worker)

    large.rollback()
    placed = large.scalars(sa.select(Order).where(Order.number == number)).one()
    assert (placed.status, find_faults(large, received=0)) == ("completed", [])


def test_every_page_of_a_large_store_answers(app: Flask, large: Session) -> None:
    buyer = sa.select(Customer.email, sa.func.count(Order.id)).join(Order).group_by(Customer.email)
    best = large.execute(buyer.where(made_up).order_by(sa.func.count(Order.id).desc())).first()
    assert best is not None
    large.rollback()

    answers = walk(sign_in(app, best.email, PASSWORD), ["/", "/account/", "/account/orders"])
    answers |= walk(sign_in(app, "jonas@brindle.example", "brass-hinge-77"), ["/staff/"])

    kinds = {re.sub(r"[A-Z]{2,3}-\w+(-\w+)?", "", path.partition("?")[0]) for path in answers}
    assert {path: status for path, status in answers.items() if status != 200} == {}
    assert {"/orders/", "/staff/orders/", "/staff/products/", "/staff/customers"} <= kinds
    assert any("-no-" in path or re.search(r"/products/.+-0000", path) for path in answers)


def sign_in(app: Flask, email: str, password: str) -> FlaskClient:
    browser = app.test_client()
    browser.post("/sign-in", data={"email": email, "password": password})
    return browser


def walk(browser: FlaskClient, starts: list[str]) -> dict[str, int]:
    """Follow the links of pages, a few of each kind, and return what each address answered."""
    answers: dict[str, int] = {}
    kinds: Counter[str] = Counter()
    waiting = [*starts]
    while waiting:
        path = waiting.pop(0)
        kind = browser.application.url_map.bind("").match(path.partition("?")[0])[0]
        kinds[kind] += 1
        if path in answers or kinds[kind] > MOST_OF_A_KIND:
            continue
        page = browser.get(path, follow_redirects=True)
        answers[path] = page.status_code
        links = re.findall(r'<a [^>]*?href="(/[^"]*)"', page.text)
        waiting += [urldefrag(each.replace("&amp;", "&"))[0] for each in links]
    return answers


def test_a_scale_loads_as_many_orders_and_says_so(app: Flask, session: Session) -> None:
    run = app.test_cli_runner().invoke

    done, again = run(args=["seed", "--scale", "1k"]), run(args=["seed", "--scale", "1k"])

    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "products: 100 of 100",
        "customers: 200 of 200",
        "orders: 1,000 of 1,000",
        "indexes and statistics: 1 of 2",
        "indexes and statistics: 2 of 2",
        "Seeded the standard store and 1,000 made-up orders.",
    ]
    assert session.scalar(sa.select(sa.func.count(Order.id)).where(made_up)) == 1_000
    assert (again.exit_code, again.output) == (
        0,
        "There are products already, so nothing was seeded.\n",
    )


@on_sqlite
def test_a_scale_that_is_not_known_is_refused(app: Flask) -> None:
    refused = app.test_cli_runner().invoke(args=["seed", "--scale", "2k"])

    assert (refused.exit_code, "1k" in refused.output) == (2, True)


@on_sqlite
@pytest.mark.parametrize(
    ("pragma", "reason"),
    [
        ("max_page_count=300", "database or disk is full"),
        ("query_only=ON", "attempt to write a readonly database"),
    ],
)
def test_a_load_that_cannot_be_written_says_so_and_leaves_nothing(
    app: Flask, session: Session, pragma: str, reason: str
) -> None:
    engine = app.extensions["sessions"].kw["bind"]
    engine.dispose()

    def limit(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
        connection.cursor().execute(f"PRAGMA {pragma}")

    sa.event.listen(engine, "connect", limit)

    refused = app.test_cli_runner().invoke(args=["seed", "--scale", "1k"])

    said = f"Error: Nothing was seeded. The database says: {reason}."
    assert (refused.exit_code, refused.output.splitlines()[-1]) == (1, said)
    assert session.scalars(sa.select(Product.id)).all() == []
