from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, insert, literal, select, text, update
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from scenarios.kit.meters import FLAT_BYTES, checked_out, measure
from shop.db import transaction
from shop.models import Category, Job, Product, StockItem
from tests.factories import CategoryFactory, ProductFactory


@pytest.fixture
def shelves(session: Session) -> None:
    """Five shelves with names of two letters, one of which takes two bytes."""
    for nth in range(5):
        CategoryFactory.create(slug=f"s{nth}", name="aé", summary="")
    session.rollback()


def test_statements_are_counted_by_kind_and_by_table(
    engine: Engine, session: Session, shelves: None
) -> None:
    with measure(engine) as cost:
        session.execute(select(Category.id)).all()
        session.execute(select(Category.id, Product.id).join(Product.category)).all()
        session.execute(update(Category).values(summary="x"))
        session.execute(text("SELECT 1"))

    assert [len(each) for each in (cost.statements, cost.reads, cost.writes)] == [4, 3, 1]
    assert [len(cost.touching(name)) for name in ("category", "product", "job")] == [3, 1, 0]
    assert len(cost.touching("product", "category")) == 3


def test_a_statement_is_kept_as_the_driver_got_it(engine: Engine, session: Session) -> None:
    with measure(engine) as cost:
        session.execute(select(Category.id).where(Category.slug == "s1")).all()

    [statement] = cost.statements
    values = statement.parameters
    assert "s1" in (values.values() if isinstance(values, dict) else values)
    with engine.connect() as connection:
        assert connection.exec_driver_sql(statement.sql, statement.parameters).all() == []


def test_what_comes_before_and_after_the_block_does_not_count(
    engine: Engine, session: Session, shelves: None
) -> None:
    session.execute(select(Category.id)).all()
    with measure(engine) as cost:
        pass
    session.execute(select(Category.id)).all()
    session.commit()

    assert (cost.statements, cost.rows, cost.bytes, cost.commits, cost.rollbacks) == (
        [],
        *(0, 0, 0, 0),
    )


def test_the_first_connection_of_an_engine_does_not_count(app: Flask, engine: Engine) -> None:
    fresh = create_engine(engine.url)

    with measure(fresh) as cost, fresh.connect() as connection:
        connection.execute(text("SELECT 1")).all()
    fresh.dispose()

    assert (len(cost.statements), cost.rows) == (1, 1)


def test_rows_are_counted_when_they_are_fetched_however_that_is_done(
    engine: Engine, session: Session, shelves: None
) -> None:
    def fetched(take: str) -> int:
        with measure(engine) as cost, engine.connect() as connection:
            result = connection.execute(select(Category.id))
            ways: dict[str, Callable[[], object]] = {
                "none": lambda: None,
                "one": result.fetchone,
                "three": lambda: result.fetchmany(3),
                "all": result.all,
                "one by one": lambda: list(result),
                "the first and no more": result.first,
            }
            ways[take]()
        return cost.rows

    takes = ("none", "one", "three", "all", "one by one", "the first and no more")
    assert [fetched(take) for take in takes] == [0, 1, 3, 5, 5, 1]


def test_the_rows_of_objects_count_as_the_rows_that_they_were_made_of(
    engine: Engine, session: Session, shelves: None
) -> None:
    with measure(engine) as cost:
        session.scalars(select(Category)).all()
        session.scalar(select(Category.id).limit(1))

    assert cost.rows == 6


def test_a_product_of_two_tables_counts_each_of_its_rows(
    engine: Engine, session: Session, shelves: None
) -> None:
    other = select(Category.id.label("other")).subquery()

    with measure(engine) as cost:
        session.execute(select(Category.id, other.c.other).join(other, literal(True))).all()

    assert (cost.rows, cost.bytes) == (25, 25 * 2 * FLAT_BYTES)


def test_bytes_are_those_of_the_values(engine: Engine, session: Session, shelves: None) -> None:
    def size(column: str) -> int:
        with measure(engine) as cost:
            session.execute(text(f"SELECT {column} FROM category")).all()  # noqa: S608
        return cost.bytes

    # Of five rows each; `name` is é and one letter more.
    assert {each: size(each) for each in ("name", "summary", "id", "NULL", "slug, id")} == {
        "name": 15,
        "summary": 0,
        "id": 5 * FLAT_BYTES,
        "NULL": 0,
        "slug, id": 5 * (2 + FLAT_BYTES),
    }


def test_pictures_and_json_count_as_they_are_stored(engine: Engine, session: Session) -> None:
    job = Job(key="k", kind="k", payload={"number": "BB"}, created_at=START, due_at=START)
    session.add(job)
    session.commit()

    with measure(engine) as of_json:
        session.scalars(select(Job.payload)).all()
    with measure(engine) as of_bytes:
        session.scalars(select(literal(b"12345"))).all()

    assert (of_json.bytes, of_bytes.bytes) == (len('{"number": "BB"}'), 5)


def test_a_row_that_a_write_gives_back_is_fetched(
    engine: Engine, session: Session, shelves: None
) -> None:
    with measure(engine) as cost:
        session.execute(update(Category).values(summary="x").returning(Category.id)).all()

    assert (cost.rows, len(cost.writes)) == (5, 1)


def test_measuring_leaves_what_comes_back_as_it_is(
    engine: Engine, session: Session, shelves: None
) -> None:
    with measure(engine), transaction(session):
        added = session.scalars(
            insert(Category).returning(Category.name), [{"slug": "a", "name": "A"}] * 1
        ).all()
        product = ProductFactory.build(on_hand=4)
        session.add(product)
        session.flush()
        changed = session.execute(update(StockItem).values(on_hand=3))

    assert (added, product.id > 0, changed.rowcount) == (["A"], True, 1)  # type: ignore[attr-defined]


def fail(session: Session) -> None:
    with transaction(session):
        session.scalar(select(Category.id))
        raise ZeroDivisionError


def test_transactions_are_counted_by_how_they_end(app: Flask, engine: Engine) -> None:
    with app.extensions["sessions"]() as session, measure(engine) as cost:
        with transaction(session):
            session.add(Category(slug="a", name="A"))
        session.scalar(select(Category.id))
        session.rollback()
        session.rollback()
        with pytest.raises(ZeroDivisionError):
            fail(session)

    assert (cost.commits, cost.rollbacks) == (1, 2)


def test_a_request_is_measured_whole(app: Flask, engine: Engine, session: Session) -> None:
    product = ProductFactory.create()
    sku = product.sku
    session.rollback()

    with measure(engine) as cost:
        answer = app.test_client().get(f"/api/v1/products/{sku}")

    assert answer.status_code == 200
    assert (len(cost.writes), cost.commits) == (0, 0)
    assert (len(cost.touching("product")) > 0, cost.rows >= 1) == (True, True)


def test_connections_that_are_out_are_counted(engine: Engine) -> None:
    before = checked_out(engine)

    with engine.connect(), engine.connect():
        during = checked_out(engine)

    assert (before, during, checked_out(engine)) == (0, 2, 0)
