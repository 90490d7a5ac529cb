"""Take the money for an order and give it back, and believe only what the provider says.

What the provider answers, what its webhooks tell and what a later check finds all come together in
`_record`, so each may arrive twice, late or in any order.
"""

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from shop.db import changed_rows, end_read, insert, transaction
from shop.domain.order_status import OrderStatus, PaymentStatus
from shop.domain.provider_payment import ProviderPayment
from shop.errors import AmountMismatch, GatewayRefused, NotYet
from shop.gateways.payments import PaymentProvider
from shop.models import Order, Payment, Refund, WebhookEvent
from shop.services.jobs import enqueue
from shop.services.orders import get_order, move_order
from shop.services.refunds import give_up_order, refund_late_payment

CHECK_AFTER = timedelta(seconds=30)
MAX_CAPTURES = 3
# While the payment is one of these, money may still be taken.
_OPEN = {PaymentStatus.PENDING, PaymentStatus.AUTHORIZED, PaymentStatus.FAILED}

# The provider's words and what they mean here; others, like `capturing`, change nothing.
_MEANING = {
    "authorized": PaymentStatus.AUTHORIZED,
    "declined": PaymentStatus.DECLINED,
    "failed": PaymentStatus.FAILED,
    "captured": PaymentStatus.PAID,
    "voided": PaymentStatus.VOIDED,
    "refunded": PaymentStatus.REFUNDED,
}


def authorize_payment(
    session: Session, provider: PaymentProvider, number: str, now: datetime
) -> None:
    """Ask the provider to set aside on the card what is to be charged."""
    order = get_order(session, number)
    amount, card_token = order.totals.charge, session.get_one(Payment, order.id).card_token
    end_read(session)
    answer = provider.authorize(number, amount, card_token, key=f"{number}:authorize")
    with transaction(session):
        _record(session, answer, now)


def capture_payment(
    session: Session, provider: PaymentProvider, number: str, nth: int, now: datetime
) -> None:
    """Ask the provider to take what was set aside, and have the outcome checked later.

    `nth` counts captures from 1. The nth capture keeps its key however often it is asked for; only
    one that the provider itself calls failed is followed by another. Of a canceled order nothing is
    taken: what was set aside is given up.

    :raises NotYet: when a canceled order's capture is still under way.
    :raises GatewayRefused: when `MAX_CAPTURES` have failed; staff have to look.
    """
    order = get_order(session, number)
    if order.payment_status not in _OPEN:
        return
    is_canceled = order.status == OrderStatus.CANCELED
    payment_id = _read_provider_id(session, order)
    if is_canceled:
        answer = _give_up(provider, number, payment_id)
    elif nth > MAX_CAPTURES:
        raise GatewayRefused(f"{MAX_CAPTURES} captures of {number} have failed.")
    else:
        answer = provider.capture(payment_id, key=f"{number}:capture:{nth}")
    with transaction(session):
        _record(session, answer, now)
        enqueue(session, "check_payment", now, nth, CHECK_AFTER, number=number)


def check_payment(
    session: Session, provider: PaymentProvider, number: str, nth: int, now: datetime
) -> None:
    """Ask the provider what became of a capture, in case its webhook was lost.

    :raises NotYet: when the capture is still under way.
    """
    order = get_order(session, number)
    if order.payment_status not in _OPEN:
        return
    answer = provider.get(_read_provider_id(session, order))
    if answer.status == "capturing":
        raise NotYet
    with transaction(session):
        _record(session, answer, now)
        if answer.status == "authorized":
            enqueue(session, "capture_payment", now, nth + 1, number=number)


def refund_payment(
    session: Session, provider: PaymentProvider, number: str, nth: int, now: datetime
) -> None:
    """Ask the provider to give back what the order's `nth` refund is over."""
    order = get_order(session, number)
    money, payment_id = order.refunds[nth - 1].money, _read_provider_id(session, order)
    answer = provider.refund(payment_id, money, key=f"{number}:refund:{nth}")
    with transaction(session):
        order = get_order(session, number)
        own = update(Refund).where(Refund.order_id == order.id, Refund.nth == nth)
        session.execute(own.values(done_at=now))
        _record(session, answer, now)


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
    charge = order.totals.charge
    if payment.amount != charge:
        raise AmountMismatch(number=order.number, expected=charge, received=payment.amount)
    status = _MEANING.get(payment.status)
    # The card can have all of its money back while the customer keeps what a gift card has paid.
    is_kept = order.status != OrderStatus.CANCELED and order.units_left
    if status == PaymentStatus.REFUNDED and is_kept and order.refunded >= charge:
        return
    if status is None or not move_order(session, order.id, status, now):
        return
    own = update(Payment).where(Payment.order_id == order.id)
    session.execute(own.values(provider_id=payment.id))
    if status == PaymentStatus.AUTHORIZED:
        enqueue(session, "capture_payment", now, number=order.number)
    elif status == PaymentStatus.PAID:
        if move_order(session, order.id, OrderStatus.CONFIRMED, now):
            enqueue(session, "send_confirmation", now, number=order.number)
        else:
            refund_late_payment(session, order, now)
    elif status == PaymentStatus.DECLINED and move_order(
        session, order.id, OrderStatus.CANCELED, now
    ):
        give_up_order(session, order)


def _give_up(provider: PaymentProvider, number: str, payment_id: str) -> ProviderPayment:
    """Give up what was set aside for a canceled order, unless it is being taken already."""
    answer = provider.get(payment_id)
    if answer.status == "capturing":
        raise NotYet
    return provider.void(payment_id, f"{number}:void") if answer.status == "authorized" else answer


def _read_provider_id(session: Session, order: Order) -> str:
    """Return the provider's id of the order's payment, and end the read before it is asked."""
    number, payment_id = order.number, session.get_one(Payment, order.id).provider_id
    end_read(session)
    if payment_id is None:
        raise GatewayRefused(f"The provider has never answered for {number}.")
    return payment_id
