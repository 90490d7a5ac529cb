"""The smaller parts of the kit: growth, clock, work, failures, rows, pages and actors."""

from collections.abc import Callable
from datetime import timedelta
from math import inf

import pytest
from flask import Flask
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from scenarios.kit.actors import Shopper
from scenarios.kit.clock import START, FixedClock
from scenarios.kit.failures import Failing, failing_database
from scenarios.kit.growth import assert_constant, growth_ratio
from scenarios.kit.meters import count_calls
from scenarios.kit.outcomes import CheckBroken, FaultShown
from scenarios.kit.pages import filled_in, sentence
from scenarios.kit.rows import (
    PASSWORD,
    add_coupon,
    add_customer,
    add_delivery,
    add_gift_card,
    add_order,
    add_product,
    add_review,
)
from scenarios.kit.statements import is_write
from scenarios.kit.work import run_due_jobs, run_worker
from shop.db import transaction
from shop.errors import GatewayRefused, GatewayUnavailable
from shop.gateways.fakes import DECLINED, FakePaymentProvider
from shop.models import Category, Customer, GiftCard, Order, StockItem
from shop.services.jobs import enqueue
from shop.worker.loop import Worker
from tests.shop.order_books import find_faults

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def small_store(session: Session) -> None:
    """A store that ships to one country, with ten pieces of LMP-001 at 19.99."""
    add_delivery(session)
    add_product(session)


@pytest.mark.parametrize(
    ("cost", "ratio"),
    [
        (lambda _: 7, 1),
        (lambda n: 3 * n, 4),
        (lambda n: n * n, 16),
        (lambda _: 0, 1),
        (lambda n: n - 5, inf),
    ],
)
def test_a_growth_ratio_compares_the_largest_with_the_smallest(
    cost: Callable[[int], float], ratio: float
) -> None:
    assert growth_ratio(cost) == ratio


def test_a_cost_that_grows_is_a_fault_that_names_the_costs() -> None:
    with pytest.raises(FaultShown, match="6 at 5, 11 at 10, 21 at 20"):
        assert_constant(lambda n: n + 1, what="number of statements")


def test_a_cost_that_grows_only_at_the_end_is_a_fault() -> None:
    with pytest.raises(FaultShown, match="1 at 3, 1 at 6, 2 at 12"):
        assert_constant({3: 1, 6: 1, 12: 2}.__getitem__, sizes=(3, 6, 12))


def test_a_constant_cost_is_none() -> None:
    assert_constant(lambda _: 7)


def test_a_fixed_clock_moves_only_when_it_is_told_to() -> None:
    clock = FixedClock(START)

    first, second = clock(), clock()
    clock.advance(90)

    assert (first, second, clock()) == (START, START, START + timedelta(seconds=90))


def queue(session: Session, *numbers: str) -> None:
    with transaction(session):
        for number in numbers:
            enqueue(session, "book_parcel", START, number=number)


@on_sqlite
def test_a_worker_runs_what_is_due_and_no_more_until_the_clock_moves(
    session: Session, worker: Worker, clock: FixedClock
) -> None:
    queue(session, "one", "two")
    with transaction(session):
        enqueue(session, "book_parcel", START, after=timedelta(seconds=30), number="late")

    first = run_due_jobs(worker)
    clock.advance(30)

    assert (first, run_due_jobs(worker), run_due_jobs(worker)) == (2, 1, 0)


@on_sqlite
def test_a_worker_that_dies_is_seen(engine: Engine, session: Session, worker: Worker) -> None:
    queue(session, "one", "two")

    with failing_database(engine, calls=[4]):
        shift = run_worker(worker)

    assert (shift.jobs, type(shift.death)) == (1, OperationalError)


class Treadmill:
    """A worker whose job is due again at once."""

    def run_one(self) -> bool:
        return True


def test_jobs_without_end_come_to_one() -> None:
    worker: Worker = Treadmill()  # type: ignore[assignment]

    assert run_worker(worker, most=7).jobs == 7
    with pytest.raises(CheckBroken, match="did not get done"):
        run_due_jobs(worker)


def test_a_service_fails_at_the_calls_that_it_is_told_to() -> None:
    kept: list[int] = []
    service = Failing(kept, "append", calls=[2])
    seen = []

    for nth in range(3):
        try:
            service.append(nth)
        except GatewayUnavailable:
            seen.append(nth)

    assert (seen, kept, service.asked) == ([1], [0, 2], [((n,), {}) for n in range(3)])


def test_a_service_that_loses_its_answer_has_done_its_work() -> None:
    fake = FakePaymentProvider()
    service = Failing(fake, "tokenize", loses_answer=True, error=GatewayRefused("no"))

    with pytest.raises(GatewayRefused):
        service.tokenize("4242424242424242")

    assert (service.payments, len(service.asked)) == (fake.payments, 1)


def test_a_service_that_fails_before_it_works_has_done_nothing() -> None:
    kept: list[int] = []

    with pytest.raises(GatewayUnavailable):
        Failing(kept, "append").append(1)

    assert kept == []


def add_shelf(session: Session, slug: str) -> None:
    with transaction(session):
        session.add(Category(slug=slug, name=slug))


def test_a_commit_that_fails_leaves_nothing(engine: Engine, session: Session) -> None:
    with failing_database(engine, calls=[1]):
        with pytest.raises(OperationalError):
            add_shelf(session, "a")
        add_shelf(session, "b")
    add_shelf(session, "c")

    assert session.scalars(select(Category.slug).order_by(Category.slug)).all() == ["b", "c"]


def test_a_database_fails_at_one_kind_of_statement(engine: Engine, session: Session) -> None:
    with failing_database(engine, is_write):
        found = session.scalars(select(Category.slug)).all()
        with pytest.raises(OperationalError):
            add_shelf(session, "a")

    assert found == []


@pytest.mark.usefixtures("small_store")
def test_orders_for_a_check_are_as_the_store_leaves_them(session: Session) -> None:
    add_customer(session)
    for nth, state in enumerate(["confirmed", "packed", "declined"]):
        add_order(session, f"BB-{nth}", {"LMP-001": 2}, state=state)

    assert find_faults(session, 0) == []
    assert session.scalars(select(StockItem.allocated)).all() == [4]


@pytest.mark.usefixtures("small_store")
def test_a_shopper_buys_and_staff_send_it(app: Flask, session: Session, worker: Worker) -> None:
    add_customer(session, "jonas@brindle.example", is_staff=True)
    shopper, staff = Shopper(app), Shopper(app)
    staff.sign_in("jonas@brindle.example")

    shopper.register("ada@example.com")
    shopper.add("lmp-001", 2)
    number = shopper.order()
    run_due_jobs(worker)
    session.rollback()
    staff.act(number, "pack")

    assert number in shopper.look(f"/orders/{number}")
    order = session.scalars(select(Order)).one()
    assert (order.number, order.fulfillment_status, order.goods_amount) == (number, "packed", 3998)


@pytest.mark.usefixtures("small_store")
def test_each_shopper_has_cookies_of_their_own(app: Flask) -> None:
    first, second = Shopper(app), Shopper(app)

    first.add("lmp-001")

    assert ("LMP-001" in first.look("/cart"), "LMP-001" in second.look("/cart")) == (True, False)


@pytest.mark.usefixtures("small_store")
def test_a_refused_order_is_an_answer_to_send_and_breaks_order(
    app: Flask, session: Session
) -> None:
    shopper = Shopper(app)
    shopper.add("lmp-001")
    form = shopper.fill_in(total_shown="1")

    answer = shopper.send(form)

    assert (answer.status_code, sentence(answer)[:16]) == (409, "The total is now")
    with pytest.raises(CheckBroken, match="answered 409 The total is now"):
        shopper.order(total_shown="1")
    assert session.scalars(select(Order)).all() == []


def broken_store(app: Flask) -> None:
    @app.before_request
    def break_down() -> None:
        raise KeyError("sku")


def test_a_store_that_answers_500_is_an_answer_to_ask_and_breaks_what_wants_more(
    app: Flask,
) -> None:
    broken_store(app)
    shopper = Shopper(app)

    assert shopper.ask("GET", "/").status_code == 500
    for act in (shopper.look, lambda: shopper.add("x"), shopper.order, shopper.fill_in):
        with pytest.raises(CheckBroken, match="answered 500"):
            act()
    for act in (lambda: shopper.register("a@b.example"), lambda: shopper.sign_in("a@b.example")):
        with pytest.raises(CheckBroken, match="should answer 303"):
            act()


@pytest.mark.usefixtures("small_store")
def test_an_order_can_be_paid_with_another_card(
    app: Flask, session: Session, worker: Worker
) -> None:
    shopper = Shopper(app)
    shopper.add("lmp-001")

    shopper.order(card_number=DECLINED)
    run_due_jobs(worker)

    assert session.scalars(select(Order.payment_status)).all() == ["declined"]


@pytest.mark.usefixtures("small_store")
def test_a_form_with_a_coupon_is_sent_with_the_total_that_it_then_has(
    app: Flask, session: Session
) -> None:
    add_coupon(session, "HALF", rate=5000)
    shopper = Shopper(app)
    shopper.add("lmp-001", 2)

    shopper.order(coupon_code="HALF")

    order = session.scalars(select(Order)).one()
    assert (order.goods_amount, order.discount_amount, order.coupon_code) == (3998, 1999, "HALF")


@pytest.mark.usefixtures("small_store")
def test_a_gift_card_for_a_check_pays(app: Flask, session: Session) -> None:
    add_gift_card(session, amount=2000)
    shopper = Shopper(app)
    shopper.add("lmp-001")

    shopper.order(gift_card_code="GIFT50")

    assert session.scalars(select(Order.gift_card_amount)).all() == [2000]
    assert session.scalars(select(GiftCard.balance)).all() == [0]


@pytest.mark.usefixtures("small_store")
def test_a_review_for_a_check_is_counted_on_its_product(app: Flask, session: Session) -> None:
    for nth, stars in enumerate([2, 5]):
        add_customer(session, f"{nth}@example.com")
        add_review(session, f"{nth}@example.com", stars=stars, text="As bright as I hoped.")

    page = Shopper(app).look("/products/lmp-001")
    assert ("3.5 of 5 (2 reviews)" in page, page.count("As bright as I hoped.")) == (True, 2)


def test_a_password_of_a_check_opens_the_account(app: Flask, session: Session) -> None:
    add_customer(session, "mira@example.com", country_code=None)
    shopper = Shopper(app)

    shopper.sign_in("mira@example.com", PASSWORD)

    assert "mira@example.com" in shopper.look("/account/")
    assert session.scalars(select(Customer.is_staff)).all() == [False]


def test_calls_are_counted_by_the_name_of_what_is_called() -> None:
    def parse() -> str:
        return sentence.__name__

    with count_calls() as calls:
        for _ in range(3):
            parse()
        filled_in.__name__.upper()

    [name] = [each for each in calls if each.endswith("parse")]
    assert (name.split(".")[-2:], calls[name]) == (["<locals>", "parse"], 3)
