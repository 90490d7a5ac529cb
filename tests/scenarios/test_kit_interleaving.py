from collections.abc import Callable
from contextvars import Context

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select, text, update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from scenarios.kit.actors import Shopper
from scenarios.kit.interleaving import interleave
from scenarios.kit.outcomes import CheckBroken
from scenarios.kit.statements import before_commit, is_write, touches, writes
from shop.db import get_session, transaction
from shop.errors import CartEmpty, GatewayUnavailable
from shop.models import Category, Product, StockItem
from tests.factories import ProductFactory

Act = Callable[[], str]


@pytest.fixture
def lamp(session: Session) -> Product:
    """A product of which ten are left."""
    lamp: Product = ProductFactory.create(on_hand=10)
    session.rollback()
    return lamp


@pytest.fixture
def read_then_write(app: Flask, lamp: Product) -> Act:
    """Take one unit as broken code does: read the stock, then write a value back."""

    def take() -> str:
        with app.extensions["sessions"]() as own, transaction(own):
            left = own.scalars(select(StockItem.on_hand)).one()
            own.execute(update(StockItem).values(on_hand=left - 1))
        return "taken"

    return take


@pytest.fixture
def locked(app: Flask, engine: Engine, lamp: Product) -> Act:
    """Take one unit behind a lock that is held from the read on, as each database has it."""
    is_sqlite = engine.dialect.name == "sqlite"

    def take() -> str:
        with app.extensions["sessions"]() as own, transaction(own):
            if is_sqlite:
                own.execute(text("BEGIN IMMEDIATE"))
            left = own.scalars(select(StockItem.on_hand).with_for_update()).one()
            own.execute(update(StockItem).values(on_hand=left - 1))
        return "taken"

    return take


def on_hand(session: Session) -> int:
    session.rollback()
    return session.scalars(select(StockItem.on_hand)).one()


def raising(error: Exception) -> Act:
    def act() -> str:
        raise error

    return act


def test_a_lost_update_is_shown(session: Session, read_then_write: Act) -> None:
    race = interleave(read_then_write, read_then_write)

    assert (race.a.result, race.b.result, race.b_waited) == ("taken", "taken", False)
    assert on_hand(session) == 9


def test_b_waits_where_a_has_locked_what_it_read(session: Session, locked: Act) -> None:
    race = interleave(locked, locked)

    assert (race.a.result, race.b.result, race.b_waited) == ("taken", "taken", True)
    assert on_hand(session) == 8


def test_a_lock_that_sqlite_does_not_have_does_not_hide_the_fault(
    app: Flask, engine: Engine, session: Session, lamp: Product
) -> None:
    def take() -> None:
        with app.extensions["sessions"]() as own, transaction(own):
            left = own.scalars(select(StockItem.on_hand).with_for_update()).one()
            own.execute(update(StockItem).values(on_hand=left - 1))

    race = interleave(take, take)

    is_postgresql = engine.dialect.name == "postgresql"
    assert (race.b_waited, on_hand(session)) == (is_postgresql, 8 if is_postgresql else 9)


def test_both_may_wait_as_long_as_before_when_the_race_is_over(
    engine: Engine, session: Session, read_then_write: Act
) -> None:
    ask = {"sqlite": "PRAGMA busy_timeout", "postgresql": "SHOW lock_timeout"}[engine.dialect.name]
    before = session.scalar(text(ask))
    session.rollback()

    interleave(read_then_write, read_then_write)

    with engine.connect() as one, engine.connect() as other:
        assert [one.scalar(text(ask)), other.scalar(text(ask))] == [before, before]


def test_a_b_that_comes_after_a_has_written_breaks_the_check(read_then_write: Act) -> None:
    with pytest.raises(CheckBroken, match="database is locked"):
        interleave(read_then_write, read_then_write, before=before_commit)


def test_a_b_that_may_wait_runs_when_a_is_done(session: Session, read_then_write: Act) -> None:
    race = interleave(read_then_write, read_then_write, before=before_commit, may_wait=True)

    assert (race.b.result, race.b_waited, on_hand(session)) == ("taken", True, 8)


def test_a_b_that_reads_may_come_after_a_has_written(
    session: Session, read_then_write: Act
) -> None:
    race = interleave(read_then_write, lambda: on_hand(session), before=before_commit)

    assert (race.b.result, race.b_waited, on_hand(session)) == (10, False, 9)


def test_writing_in_an_earlier_transaction_does_not_count(
    session: Session, read_then_write: Act, locked: Act
) -> None:
    def twice() -> None:
        read_then_write()
        locked()

    race = interleave(twice, locked, nth=2)

    assert (race.b_waited, on_hand(session)) == (True, 7)


def test_b_comes_before_the_nth_such_statement(app: Flask, session: Session) -> None:
    def add_three() -> None:
        with app.extensions["sessions"]() as own:
            for _ in range(3):
                with transaction(own):
                    own.add(Category(slug=own.scalar(select(func.count(Category.id))), name=""))

    race = interleave(
        add_three, lambda: session.scalar(select(func.count(Category.id))), is_write, nth=3
    )

    assert race.b.result == 2


def test_a_b_that_never_ran_breaks_the_check(lamp: Product, session: Session) -> None:
    with pytest.raises(CheckBroken, match="never ran"):
        interleave(lambda: on_hand(session), lambda: None)


@pytest.mark.parametrize(
    ("path", "said"), [("/products/none", "404 We have no such product"), ("/", "200")]
)
def test_a_check_whose_b_never_ran_says_how_a_ended(app: Flask, path: str, said: str) -> None:
    with pytest.raises(CheckBroken, match=f"ended with {said}"):
        interleave(lambda: Shopper(app).ask("GET", path), lambda: None)


def refuse() -> None:
    raise CartEmpty


@pytest.mark.parametrize(("a", "said"), [(refuse, "CartEmpty"), (lambda: 7, "7")])
def test_that_is_said_of_a_result_and_of_a_refusal_too(a: Callable[[], object], said: str) -> None:
    with pytest.raises(CheckBroken, match=f"ended with {said}"):
        interleave(a, lambda: None)


def test_a_b_that_found_no_gap_can_be_let_run_after_a(
    session: Session, read_then_write: Act
) -> None:
    race = interleave(
        read_then_write, lambda: on_hand(session), touches("cart_line"), 2, or_after=True
    )

    assert (race.b.result, race.b_waited) == (9, False)


def test_a_b_that_ran_does_not_run_again_after_a(session: Session, read_then_write: Act) -> None:
    interleave(read_then_write, read_then_write, or_after=True)

    assert on_hand(session) == 9


@pytest.mark.parametrize("refusal", [CartEmpty(), GatewayUnavailable("The carrier", "it rains")])
def test_what_the_store_has_a_name_for_is_a_refusal(
    read_then_write: Act, refusal: Exception
) -> None:
    race = interleave(read_then_write, raising(refusal))

    assert (race.b.refusal, race.b.is_refused, race.a.is_refused) == (refusal, True, False)


@pytest.mark.parametrize("error", [KeyError("sku"), AssertionError("of the store")])
def test_what_the_store_has_no_name_for_breaks_the_check(
    read_then_write: Act, error: Exception
) -> None:
    with pytest.raises(CheckBroken, match="B raised") as broken:
        interleave(read_then_write, raising(error))

    assert broken.value.__cause__ is error


def test_a_raising_actor_a_breaks_the_check(session: Session, lamp: Product) -> None:
    def act() -> None:
        session.execute(update(StockItem).values(on_hand=3))
        raise KeyError("sku")

    with pytest.raises(CheckBroken, match="A raised"):
        interleave(act, lambda: None)


def test_an_actor_a_that_swallows_everything_does_not_hide_what_became_of_b(
    session: Session, lamp: Product
) -> None:
    def act() -> None:
        try:
            session.execute(update(StockItem).values(on_hand=3))
        except Exception:
            session.rollback()

    with pytest.raises(CheckBroken, match="B raised"):
        interleave(act, raising(KeyError("sku")))


def test_a_transaction_that_postgresql_will_not_run_beside_another_is_refused(
    app: Flask, engine: Engine, session: Session, read_then_write: Act
) -> None:
    if engine.dialect.name == "sqlite":
        return

    def serializable() -> None:
        with app.extensions["sessions"]() as own:
            own.connection(execution_options={"isolation_level": "SERIALIZABLE"})
            left = own.scalars(select(StockItem.on_hand)).one()
            own.execute(update(StockItem).values(on_hand=left - 1))
            own.commit()

    race = interleave(serializable, read_then_write)

    assert (race.a.is_refused, race.b.is_refused, on_hand(session)) == (True, False, 9)


@pytest.fixture
def sessions_seen(app: Flask) -> list[int]:
    """The sessions of the requests to /who, each of which reads and then writes."""
    seen: list[int] = []

    @app.get("/who")
    def who() -> str:
        seen.append(id(get_session()))
        with transaction(get_session()):
            get_session().scalars(select(StockItem)).all()
            get_session().execute(update(StockItem).values(on_hand=3))
        return ""

    @app.get("/<int:status>")
    def answer(status: int) -> tuple[str, int]:
        return "", status

    return seen


def test_each_of_two_requests_has_a_session_of_its_own(
    app: Flask, lamp: Product, sessions_seen: list[int]
) -> None:
    def ask() -> TestResponse:
        return app.test_client().get("/who")

    with app.app_context():
        interleave(ask, ask)

    assert len(set(sessions_seen)) == 2


@pytest.mark.parametrize(
    ("status", "is_refused"), [(200, False), (303, False), (409, True), (500, False), (503, True)]
)
def test_an_answer_is_a_result_and_some_statuses_are_refusals(
    app: Flask, lamp: Product, sessions_seen: list[int], status: int, is_refused: bool
) -> None:
    race = interleave(
        lambda: app.test_client().get("/who"), lambda: app.test_client().get(f"/{status}")
    )

    assert race.b.result
    assert (race.b.result.status_code, race.b.is_refused) == (status, is_refused)


def test_a_lock_that_a_request_of_b_meets_is_seen_through_its_answer(
    app: Flask, lamp: Product, sessions_seen: list[int], read_then_write: Act
) -> None:
    with pytest.raises(CheckBroken, match="database is locked"):
        interleave(read_then_write, lambda: app.test_client().get("/who"), before_commit)


def test_a_lock_is_seen_in_whatever_context_b_meets_it(session: Session, locked: Act) -> None:
    race = interleave(locked, lambda: Context().run(locked))

    assert (race.b.result, race.b_waited, on_hand(session)) == ("taken", True, 8)


def test_b_does_not_run_when_the_race_is_over(session: Session, read_then_write: Act) -> None:
    interleave(read_then_write, read_then_write)

    read_then_write()

    assert on_hand(session) == 8


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT cart_line.id \nFROM cart_line", True),
        ("SELECT 1 FROM cart JOIN cart_line ON true", True),
        ("INSERT INTO cart_line (id) VALUES (1)", True),
        ("UPDATE cart_line SET id=1", True),
        ("DELETE FROM cart_line", True),
        ("SELECT cart_line_1.id FROM a, cart_line AS cart_line_1 WHERE cart_line.id = 1", True),
        ("SELECT cart.id FROM cart", False),
        ("SELECT cart_line_id FROM cart_line_archive", False),
        ("INSERT INTO product (cart_line) VALUES (1)", False),
        ("SELECT product.cart_line FROM product", False),
    ],
)
def test_a_statement_touches_a_table_that_it_names_as_one(sql: str, says: bool) -> None:
    assert touches("other", "cart_line")(sql) is says


@pytest.mark.parametrize(
    ("sql", "says"),
    [("INSERT INTO a", True), (" update a", True), ("DELETE", True), ("SELECT", False)],
)
def test_a_write_is_known_by_its_first_word(sql: str, says: bool) -> None:
    assert is_write(sql) is says


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("UPDATE cart_line SET id=1", True),
        ("INSERT INTO other (id) VALUES (1)", True),
        ("SELECT cart_line.id FROM cart_line", False),
        ("UPDATE cart SET id=1", False),
    ],
)
def test_a_write_to_a_table_changes_rows_and_names_it(sql: str, says: bool) -> None:
    assert writes("other", "cart_line")(sql) is says
