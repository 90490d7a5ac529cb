from typing import Any

import pytest
from sqlalchemy import Engine, Executable, Index, delete, func, select, text, tuple_, union, update
from sqlalchemy.orm import Session, aliased

from scenarios.kit.clock import START
from scenarios.kit.meters import Statement, measure
from scenarios.kit.plans import Access, How, Plan, read_plan, scans, uses_index
from shop.models import CartLine, Category, Job, Order, OrderLine, Product, StockItem
from tests.factories import CountryFactory, OrderFactory, ProductFactory


def capture(session: Session, statement: Executable) -> Statement:
    with measure(session.get_bind().engine) as cost:
        session.execute(statement)
    session.rollback()
    return cost.statements[-1]


def plan_of(session: Session, statement: Executable) -> Plan:
    return read_plan(session.get_bind().engine, capture(session, statement))


other = aliased(Order)
SEARCHES: dict[str, Any] = {
    "by a unique column": select(Order).where(Order.number == "BB"),
    "by the key": select(Order.email).where(Order.id == 3),
    "by one of two indexes": select(Order.email).where(
        (Order.number == "x") | (Order.folded_email == "y")
    ),
    "of an alias": select(other).where(other.number == "BB"),
    "in a join": select(Order.email, OrderLine.name)
    .join(Order.lines)
    .where(Order.number == "BB", OrderLine.sku == "x"),
    "in a subquery": select(Order.email).where(
        Order.id == select(Order.id).where(Order.number == "BB").scalar_subquery()
    ),
    "beside a row that may be missing": select(Product.summary, StockItem.on_hand)
    .outerjoin(Product.stock)
    .where(Product.sku == "x"),
    "beside many rows that may be missing": select(Product.summary, StockItem.on_hand)
    .outerjoin(Product.stock)
    .where(Product.category_id == 1),
    "to change a row": update(Order).where(Order.number == "BB").values(city="Leeds"),
    "to delete a row": delete(CartLine).where(CartLine.cart_id == 1, CartLine.product_id == 2),
    "beyond the edge of a page": select(Product.summary)
    .where(tuple_(Product.listed_at, Product.id) < tuple_(START, 3))
    .order_by(Product.listed_at.desc(), Product.id.desc())
    .limit(5),
    "the latest of one product": select(Order.email)
    .where(Order.customer_id == 1)
    .order_by(Order.id.desc())
    .limit(5),
}
WALKS: dict[str, Any] = {
    "along an index": select(Product.summary)
    .order_by(Product.listed_at.desc(), Product.id.desc())
    .limit(5),
    "along the key": select(Order.email).order_by(Order.id.desc()).limit(5),
    "along an index with a search for each row": select(Product.summary, StockItem.on_hand)
    .join(Product.stock)
    .order_by(Product.search_name, Product.id)
    .limit(5),
}
SCANS: dict[str, tuple[Any, str]] = {
    "behind a function": (select(Order).where(func.upper(Order.number) == "BB"), "orders"),
    "behind a function, in order": (
        select(Order).where(func.upper(Order.number) == "BB").order_by(Order.id).limit(1),
        "orders",
    ),
    "of an alias": (select(other).where(func.upper(other.number) == "BB"), "orders"),
    "without an index": (select(Job).where(Job.kind == "x"), "job"),
    "of everything": (select(Order.email), "orders"),
    "to count": (select(func.count()).select_from(Order), "orders"),
    "along an index to its end": (select(Order.id).order_by(Order.id), "orders"),
    "sorted by what has no index": (select(Product).order_by(Product.summary).limit(5), "product"),
    "inside another": (
        select(Product.summary, Order.email)
        .join(Order, Order.city == Product.name)
        .order_by(Product.id)
        .limit(5),
        "orders",
    ),
    "in a subquery": (
        select(
            Category.name, select(func.sum(Order.total_amount)).scalar_subquery().label("all")
        ).limit(5),
        "orders",
    ),
    "in a union": (
        union(select(Order.id).where(Order.id == 1), select(Order.id).where(Order.city == "x")),
        "orders",
    ),
    "to change rows": (update(Order).where(Order.city == "x").values(city="y"), "orders"),
    "to delete rows by a pair": (delete(CartLine).where(CartLine.quantity == 1), "cart_line"),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_is_no_scan(session: Session, name: str) -> None:
    plan = plan_of(session, SEARCHES[name])

    assert scans(plan) == set(), plan.text
    assert {access.how for access in plan.accesses} == {How.SEARCH}


@pytest.mark.parametrize("name", WALKS)
def test_a_walk_that_stops_is_no_scan(session: Session, name: str) -> None:
    plan = plan_of(session, WALKS[name])

    assert (scans(plan), plan.sorts) == (set(), False), plan.text
    assert How.WALK in {access.how for access in plan.accesses}


@pytest.mark.parametrize("name", SCANS)
def test_a_scan_is_named_by_its_table(session: Session, name: str) -> None:
    statement, table = SCANS[name]

    plan = plan_of(session, statement)

    assert table in scans(plan), plan.text


@pytest.fixture
def large(session: Session) -> None:
    """A few hundred orders of one buyer."""
    lamp, country = ProductFactory.create(), CountryFactory.create()
    orders = OrderFactory.build_batch(400, product=lamp, country=country, email="ada@example.com")
    session.add_all(orders)
    session.commit()


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("name", [*SEARCHES, *WALKS])
def test_a_large_table_is_judged_as_a_small_one(session: Session, name: str) -> None:
    plan = plan_of(session, {**SEARCHES, **WALKS}[name])

    assert scans(plan) == set(), plan.text


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("name", ["behind a function, in order", "without an index", "to count"])
def test_a_scan_of_a_large_table_is_one(session: Session, name: str) -> None:
    statement, table = SCANS[name]

    assert table in scans(plan_of(session, statement))


def test_a_database_of_the_kit_keeps_no_statistics(engine: Engine, session: Session) -> None:
    if engine.dialect.name == "postgresql":
        kept = "autovacuum_enabled=off"
        tables = text("SELECT reloptions FROM pg_class WHERE relkind = 'r' AND relname = 'orders'")
        assert session.scalars(tables).all() == [[kept]]


def test_a_plan_names_the_index_that_it_uses(session: Session) -> None:
    plan = plan_of(session, select(Order).where(Order.folded_email == "a@b"))

    assert plan.accesses == (Access("orders", How.SEARCH, "ix_orders_folded_email"),)
    assert uses_index(plan, "ix_orders_folded_email")
    assert not uses_index(plan, "ix_orders_placed_at")


def test_a_plan_says_whether_it_sorts(session: Session) -> None:
    by_city = select(Order.email).where(Order.folded_email == "x").order_by(Order.city)

    assert plan_of(session, by_city).sorts
    assert not plan_of(session, by_city.order_by(None)).sorts


def test_an_index_that_comes_or_goes_is_seen_at_once(engine: Engine, session: Session) -> None:
    city = Index("ix_of_the_test", Order.__table__.c.city)
    statement = capture(session, select(Order).where(Order.city == "x"))

    def is_scanned() -> bool:
        return scans(read_plan(engine, statement)) == {"orders"}

    seen = [is_scanned()]
    city.create(engine)
    seen.append(is_scanned())
    city.drop(engine)
    seen.append(is_scanned())
    Order.__table__.indexes.discard(city)  # type: ignore[attr-defined]

    assert seen == [True, False, True]


def test_a_plan_is_read_of_a_statement_that_ran_for_many_rows(
    engine: Engine, session: Session
) -> None:
    with measure(engine) as cost:
        change = text("UPDATE orders SET city = 'Leeds' WHERE id = :own")
        session.execute(change, [{"own": 1}, {"own": 2}])
    session.rollback()

    assert scans(read_plan(engine, cost.statements[-1])) == set()


def test_reading_a_plan_changes_nothing(engine: Engine, session: Session) -> None:
    OrderFactory.create(city="Leeds")
    statement = capture(session, update(Order).values(city="York"))

    read_plan(engine, statement)

    assert session.scalars(select(Order.city)).all() == ["Leeds"]
