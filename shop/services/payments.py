"""Take the money for an order: set it aside, capture it, and believe only what the provider says.

What the provider answers, what its webhooks tell and what a later check finds all come together in
`_record`, so each may arrive twice, late or in any order.
"""

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from shop.db import changed_rows, end_read, insert, transaction
from shop.domain.money import Money
from shop.domain.order_status import OrderStatus, PaymentStatus
from shop.domain.provider_payment import ProviderPayment
from shop.errors import AmountMismatch, GatewayRefused, NotYet
from shop.gateways.payments import PaymentProvider
from shop.models import Payment, WebhookEvent
from shop.services.orders import get_order, move_order
from shop.services.outbox import enqueue
from shop.services.stock import release_stock

CHECK_AFTER = timedelta(seconds=30)
MAX_CAPTURES = 3

# The provider's words and what they mean here; others, like `capturing`, change nothing.
_MEANING = {
    "authorized": PaymentStatus.AUTHORIZED,
    "declined": PaymentStatus.DECLINED,
    "failed": PaymentStatus.FAILED,
    "captured": PaymentStatus.PAID,
}


def authorize_payment(
    session: Session, provider: PaymentProvider, number: str, now: datetime
) -> None:
    """Ask the provider to set the order's total aside on the card."""
    payment = get_order(session, number).payment
    amount, card_token = Money(payment.amount, payment.currency), payment.card_token
    end_read(session)
    answer = provider.authorize(number, amount, card_token)
    with transaction(session):
        _record(session, answer, now)


def capture_payment(
    session: Session, provider: PaymentProvider, number: str, nth: int, now: datetime
) -> None:
    """Ask the provider to take what was set aside, and have the outcome checked later.

    `nth` counts captures from 1. The nth capture keeps its key however often it is asked for; only
    one that the provider itself calls failed is followed by another.
    """
    if get_order(session, number).payment_status == PaymentStatus.PAID:
        return
    payment_id = _read_provider_id(session, number)
    answer = provider.capture(payment_id, key=f"{number}:capture:{nth}")
    with transaction(session):
        _record(session, answer, now)
        enqueue(session, "check_payment", number, now, nth, after=CHECK_AFTER)


def check_payment(
    session: Session, provider: PaymentProvider, number: str, nth: int, now: datetime
) -> None:
    """Ask the provider what became of a capture, in case its webhook was lost.

    :raises NotYet: when the capture is still under way.
    :raises GatewayRefused: when the last of `MAX_CAPTURES` has failed; staff have to look.
    """
    if get_order(session, number).payment_status == PaymentStatus.PAID:
        return
    answer = provider.get(_read_provider_id(session, number))
    if answer.status == "capturing":
        raise NotYet
    if answer.status == "authorized" and nth == MAX_CAPTURES:
        raise GatewayRefused(f"{nth} captures of {number} have failed.")
    with transaction(session):
        _record(session, answer, now)
        if answer.status == "authorized":
            enqueue(session, "capture_payment", number, now, nth + 1)


def apply_payment_event(
    session: Session, event_id: str, payment: ProviderPayment, now: datetime
) -> bool:
    """Take in news from the provider, once, and return whether it was news.

    :raises NotFound: when there is no such order.
    :raises AmountMismatch: when it is over another amount or in another currency.
    """
    event = insert(session, WebhookEvent).values(id=event_id, received_at=now)
    with transaction(session):
        get_order(session, payment.reference)
        if not changed_rows(session, event.on_conflict_do_nothing()):
            return False
        _record(session, payment, now)
        return True


def _record(session: Session, payment: ProviderPayment, now: datetime) -> None:
    """Move the order's payment to what the provider says, and queue what follows from the move."""
    order = get_order(session, payment.reference)
    if payment.amount != order.totals.total:
        raise AmountMismatch(order.number, order.totals.total, payment.amount)
    status = _MEANING.get(payment.status)
    if status is None or not move_order(session, order.id, status, now):
        return
    own = update(Payment).where(Payment.order_id == order.id)
    session.execute(own.values(provider_id=payment.id))
    if status == PaymentStatus.AUTHORIZED:
        enqueue(session, "capture_payment", order.number, now)
    elif status == PaymentStatus.PAID:
        move_order(session, order.id, OrderStatus.CONFIRMED, now)
        enqueue(session, "send_confirmation", order.number, now)
        enqueue(session, "book_parcel", order.number, now)
    elif status == PaymentStatus.DECLINED:
        move_order(session, order.id, OrderStatus.CANCELED, now)
        release_stock(session, [line.priced for line in order.lines])


def _read_provider_id(session: Session, number: str) -> str:
    payment_id = get_order(session, number).payment.provider_id
    end_read(session)
    if payment_id is None:
        raise GatewayRefused(f"The provider has never answered for {number}.")
    return payment_id
