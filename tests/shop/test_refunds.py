import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from scenarios.kit.work import run_due_jobs
from shop.db import transaction
from shop.domain.money import Money
from shop.errors import ActionRefused, NotFound, TooManyUnits
from shop.gateways.fakes import FakePaymentProvider
from shop.models import Job, OrderLine, Refund, StockItem, StockMovement
from shop.services.fulfillment import pack_order, ship_order
from shop.services.jobs import enqueue
from shop.services.payments import apply_payment_event, authorize_payment
from shop.services.refunds import cancel_order, refund_order, refund_units
from shop.worker.loop import Worker
from tests.factories import OrderFactory, ProductFactory
from tests.shop.order_books import find_faults, statuses

SKU = "TST-SAW"
TOTAL = 4074


@pytest.fixture
def number(session: Session) -> str:
    """The number of an order of three saws at 10.00 each, just placed: 30.00 + 3.95 + 6.79."""
    product = ProductFactory.create(sku=SKU, price_amount=1000, allocated=3)
    return str(OrderFactory.create(product=product, quantity=3).number)


@pytest.fixture
def paid(session: Session, worker: Worker, number: str) -> str:
    """The number of that order, paid."""
    with transaction(session):
        enqueue(session, "authorize_payment", START, number=number)
    run_due_jobs(worker)
    return number


def stock(session: Session) -> tuple[int, int]:
    session.rollback()
    item = session.scalars(select(StockItem)).one()
    return item.on_hand, item.allocated


def refunds(session: Session) -> list[int]:
    session.rollback()
    return list(session.scalars(select(Refund.amount).order_by(Refund.nth)))


def test_an_unpaid_order_is_canceled_without_a_refund(session: Session, number: str) -> None:
    cancel_order(session, number, START)

    assert statuses(session) == ("canceled", "pending", "unfulfilled")
    assert (stock(session), refunds(session)) == ((10, 0), [])


def test_the_authorization_of_a_canceled_order_is_given_up(
    session: Session, worker: Worker, provider: FakePaymentProvider, number: str
) -> None:
    authorize_payment(session, provider, number, START)
    cancel_order(session, number, START)

    run_due_jobs(worker)

    assert statuses(session) == ("canceled", "voided", "unfulfilled")
    assert (provider.captures, refunds(session)) == ([], [])


def test_an_order_canceled_before_it_was_authorized_is_charged_nothing(
    session: Session, worker: Worker, provider: FakePaymentProvider, number: str
) -> None:
    with transaction(session):
        enqueue(session, "authorize_payment", START, number=number)
    cancel_order(session, number, START)

    run_due_jobs(worker)

    assert statuses(session) == ("canceled", "voided", "unfulfilled")
    assert provider.captures == []


def test_money_that_comes_in_for_a_canceled_order_goes_back(
    session: Session, worker: Worker, provider: FakePaymentProvider, number: str
) -> None:
    authorize_payment(session, provider, number, START)
    payment = provider.capture(f"pay_{number}", f"{number}:capture:1")
    cancel_order(session, number, START)

    apply_payment_event(session, "evt_1", payment, START)
    run_due_jobs(worker)

    assert statuses(session) == ("canceled", "refunded", "unfulfilled")
    assert (refunds(session), find_faults(session, 10)) == ([TOTAL], [])


def test_a_paid_order_that_is_canceled_is_given_back_whole(
    session: Session, worker: Worker, provider: FakePaymentProvider, paid: str
) -> None:
    cancel_order(session, paid, START)
    run_due_jobs(worker)

    assert statuses(session) == ("canceled", "refunded", "unfulfilled")
    assert (stock(session), refunds(session)) == ((10, 0), [TOTAL])
    assert provider.refunds == {f"{paid}:refund:1": Money(TOTAL)}


def test_a_packed_order_can_be_canceled(session: Session, paid: str) -> None:
    pack_order(session, paid, START)

    cancel_order(session, paid, START)

    assert (statuses(session)[0], stock(session)) == ("canceled", (10, 0))


@pytest.mark.parametrize("act", [cancel_order, refund_order, pack_order, ship_order])
def test_what_has_been_handed_over_cannot_be_taken_back(
    session: Session, paid: str, act: object
) -> None:
    pack_order(session, paid, START)
    ship_order(session, paid, START)

    with pytest.raises(ActionRefused, match="is confirmed and shipping"):
        act(session, paid, START)  # type: ignore[operator]

    assert (statuses(session)[2], stock(session), refunds(session)) == ("shipping", (10, 3), [])


@pytest.mark.parametrize("act", [pack_order, ship_order, refund_order])
def test_an_order_that_is_not_paid_is_neither_packed_nor_shipped_nor_refunded(
    session: Session, number: str, act: object
) -> None:
    with pytest.raises(ActionRefused):
        act(session, number, START)  # type: ignore[operator]

    assert statuses(session) == ("placed", "pending", "unfulfilled")


def test_a_canceled_order_cannot_be_canceled_again(session: Session, paid: str) -> None:
    cancel_order(session, paid, START)

    with pytest.raises(ActionRefused):
        cancel_order(session, paid, START)

    assert (stock(session), refunds(session)) == ((10, 0), [TOTAL])


def test_a_unit_that_was_not_shipped_goes_back_on_the_shelf(session: Session, paid: str) -> None:
    refund_units(session, paid, SKU, 1, START)

    assert statuses(session) == ("confirmed", "paid", "unfulfilled")
    assert (stock(session), refunds(session)) == ((10, 2), [1200])


def test_only_what_was_not_refunded_is_shipped(session: Session, worker: Worker, paid: str) -> None:
    refund_units(session, paid, SKU, 1, START)
    pack_order(session, paid, START)
    ship_order(session, paid, START)

    run_due_jobs(worker)

    assert stock(session) == (8, 0)
    assert session.scalars(select(StockMovement.delta)).all() == [-2]


def test_the_last_units_take_the_carriage_with_them(session: Session, delivered: str) -> None:
    for quantity in (1, 2):
        refund_units(session, delivered, SKU, quantity, START)

    assert refunds(session) == [1200, TOTAL - 1200]
    assert session.scalars(select(OrderLine.refunded)).all() == [3]


def test_an_order_of_which_nothing_is_left_to_ship_is_canceled(
    session: Session, worker: Worker, paid: str
) -> None:
    refund_units(session, paid, SKU, 3, START)
    run_due_jobs(worker)

    assert statuses(session) == ("canceled", "refunded", "unfulfilled")


def test_what_was_delivered_comes_back_into_stock(
    session: Session, worker: Worker, delivered: str
) -> None:
    refund_order(session, delivered, START)
    run_due_jobs(worker)

    assert statuses(session) == ("completed", "refunded", "delivered")
    assert (stock(session), find_faults(session, 10)) == ((10, 0), [])


def test_a_partial_refund_leaves_the_payment_paid(
    session: Session, worker: Worker, delivered: str
) -> None:
    refund_units(session, delivered, SKU, 2, START)
    run_due_jobs(worker)

    assert statuses(session)[1] == "paid"
    assert session.scalars(select(Refund.done_at)).all() == [START]


def test_more_units_than_are_left_are_refused(session: Session, delivered: str) -> None:
    refund_units(session, delivered, SKU, 2, START)

    with pytest.raises(TooManyUnits, match=f"only 1 of {SKU} left to refund"):
        refund_units(session, delivered, SKU, 2, START)

    assert refunds(session) == [2400]


@pytest.mark.parametrize("sku", ["NOPE", ""])
def test_what_is_not_in_the_order_cannot_be_refunded(
    session: Session, delivered: str, sku: str
) -> None:
    with pytest.raises(TooManyUnits):
        refund_units(session, delivered, sku, 1, START)

    assert refunds(session) == []


def test_an_unknown_order_cannot_be_canceled(session: Session) -> None:
    with pytest.raises(NotFound):
        cancel_order(session, "BB-00000-00000", START)


def test_a_refund_that_the_provider_does_not_answer_is_asked_for_again_with_its_key(
    session: Session, worker: Worker, provider: FakePaymentProvider, paid: str
) -> None:
    cancel_order(session, paid, START)
    provider.refund(f"pay_{paid}", Money(TOTAL), f"{paid}:refund:1")

    run_due_jobs(worker)

    assert provider.refunds == {f"{paid}:refund:1": Money(TOTAL)}
    assert [job.key for job in session.scalars(select(Job)) if not job.done_at] == [
        f"{paid}:check_payment:1"
    ]
