from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from scenarios.kit.failures import Failing
from shop.domain.money import Money
from shop.domain.order_status import PaymentStatus
from shop.domain.provider_payment import ProviderPayment
from shop.errors import AmountMismatch, GatewayRefused, GatewayUnavailable, NotFound, NotYet
from shop.gateways.fakes import DECLINED, FakePaymentProvider
from shop.gateways.payments import PaymentProvider
from shop.models import Job, Order, Payment, StockItem, WebhookEvent
from shop.services.payments import (
    CHECK_AFTER,
    MAX_CAPTURES,
    apply_payment_event,
    authorize_payment,
    capture_payment,
    check_payment,
)
from tests.factories import OrderFactory


@pytest.fixture
def number(session: Session) -> str:
    """The number of an order of one unit, just placed."""
    return str(OrderFactory.create().number)


@pytest.fixture
def authorized(session: Session, provider: FakePaymentProvider, number: str) -> str:
    """The number of an order whose payment is authorized."""
    authorize_payment(session, provider, number, START)
    return number


def statuses(session: Session) -> tuple[str, str]:
    row = session.execute(select(Order.status, Order.payment_status)).one()
    return row.status, row.payment_status


def jobs(session: Session) -> list[tuple[str, int]]:
    return [(job.kind, job.payload["nth"]) for job in session.scalars(select(Job).order_by(Job.id))]


def tell(provider: FakePaymentProvider, number: str, status: str) -> None:
    """Let the provider's ledger say this of the order's payment."""
    known = provider.get(f"pay_{number}")
    provider.payments[known.id] = replace(known, status=status)


def test_an_authorized_payment_is_captured_next(
    session: Session, provider: FakePaymentProvider, number: str
) -> None:
    authorize_payment(session, provider, number, START)

    assert statuses(session) == ("placed", "authorized")
    assert jobs(session) == [("capture_payment", 1)]


def test_an_authorization_whose_answer_was_lost_is_not_made_twice(
    session: Session, provider: FakePaymentProvider, number: str
) -> None:
    forgetful = cast(PaymentProvider, Failing(provider, "authorize", calls=[1], loses_answer=True))
    with pytest.raises(GatewayUnavailable):
        authorize_payment(session, forgetful, number, START)

    authorize_payment(session, forgetful, number, START + timedelta(days=1))

    assert (list(provider.payments), statuses(session)) == (
        [f"pay_{number}"],
        ("placed", "authorized"),
    )


def test_the_providers_own_id_is_kept(session: Session, authorized: str) -> None:
    assert session.scalars(select(Payment.provider_id)).all() == [f"pay_{authorized}"]


def test_a_declined_card_cancels_the_order_and_frees_its_stock(
    session: Session, provider: FakePaymentProvider
) -> None:
    order = OrderFactory.create()
    order.payment.card_token = f"tok_{DECLINED}"
    session.commit()

    authorize_payment(session, provider, order.number, START)

    assert statuses(session) == ("canceled", "declined")
    assert session.scalars(select(StockItem.allocated)).all() == [0]


def test_a_captured_payment_confirms_the_order_and_queues_the_mail(
    session: Session, provider: FakePaymentProvider, authorized: str
) -> None:
    capture_payment(session, provider, authorized, 1, START)

    assert statuses(session) == ("confirmed", "paid")
    assert jobs(session)[1:] == [("send_confirmation", 1), ("check_payment", 1)]


def test_a_capture_is_looked_at_again_after_a_while(
    session: Session, provider: FakePaymentProvider, authorized: str
) -> None:
    capture_payment(session, provider, authorized, 1, START)

    check = session.scalars(select(Job).where(Job.kind == "check_payment")).one()
    assert (check.created_at, check.due_at) == (START, START + CHECK_AFTER)


def test_a_capture_of_a_payment_that_was_never_answered_is_refused(
    session: Session, provider: FakePaymentProvider, number: str
) -> None:
    with pytest.raises(GatewayRefused, match=f"never answered for {number}"):
        capture_payment(session, provider, number, 1, START)


def test_a_check_finds_the_money_whose_webhook_was_lost(
    session: Session, provider: FakePaymentProvider, authorized: str
) -> None:
    tell(provider, authorized, "captured")

    check_payment(session, provider, authorized, 1, START)

    assert statuses(session) == ("confirmed", "paid")


def test_a_check_waits_while_the_capture_is_under_way(
    session: Session, provider: FakePaymentProvider, authorized: str
) -> None:
    tell(provider, authorized, "capturing")

    with pytest.raises(NotYet):
        check_payment(session, provider, authorized, 1, START)


@pytest.mark.parametrize("nth", range(1, MAX_CAPTURES + 1))
def test_a_failed_capture_is_followed_by_another(
    session: Session, provider: FakePaymentProvider, authorized: str, nth: int
) -> None:
    tell(provider, authorized, "authorized")

    check_payment(session, provider, authorized, nth, START)

    assert jobs(session)[-1] == ("capture_payment", nth + 1)


def test_the_last_failed_capture_is_left_to_staff(
    session: Session, provider: FakePaymentProvider, authorized: str
) -> None:
    with pytest.raises(GatewayRefused, match=r"3 captures of .* have failed"):
        capture_payment(session, provider, authorized, MAX_CAPTURES + 1, START)

    assert jobs(session) == [("capture_payment", 1)]


@pytest.mark.parametrize("amount", [Money(2872), Money(2874), Money(0), Money(2873, "EUR")])
def test_another_amount_than_the_orders_changes_nothing(
    session: Session, number: str, amount: Money
) -> None:
    news = ProviderPayment("pay_1", number, "captured", amount)

    with pytest.raises(AmountMismatch, match=r"is over £28\.73, not"):
        apply_payment_event(session, "evt_1", news, START)

    assert statuses(session) == ("placed", "pending")
    assert session.scalars(select(WebhookEvent.id)).all() == []


def test_an_event_is_news_once(session: Session, number: str) -> None:
    news = ProviderPayment("pay_1", number, "captured", Money(2873))

    taken = [apply_payment_event(session, "evt_1", news, START) for _ in range(2)]

    assert taken == [True, False]


def test_an_event_of_an_unknown_order_is_refused_and_not_remembered(session: Session) -> None:
    news = ProviderPayment("pay_1", "BB-00000-00000", "captured", Money(2873))

    with pytest.raises(NotFound):
        apply_payment_event(session, "evt_1", news, START)

    assert session.scalars(select(WebhookEvent.id)).all() == []


def test_a_word_that_the_store_does_not_know_changes_nothing(session: Session, number: str) -> None:
    news = ProviderPayment("pay_1", number, "disputed", Money(2873))

    apply_payment_event(session, "evt_1", news, START)

    assert (statuses(session), jobs(session)) == (("placed", PaymentStatus.PENDING), [])
