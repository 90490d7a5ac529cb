"""Cancel an order before it is shipped, and give money back for all of it or for some units.

Whatever is taken back changes the order's own row first, through `claim_order`. So canceling,
refunding and shipping exclude one another, and the units go back to the shelf exactly once.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from shop.db import transaction
from shop.domain.money import Money
from shop.domain.order_status import FulfillmentStatus, OrderStatus, PaymentStatus
from shop.domain.pricing import PricedLine, price_refund, sum_lines
from shop.errors import TooManyUnits
from shop.models import Order, Refund
from shop.services.jobs import enqueue
from shop.services.limits import return_limited
from shop.services.orders import claim_order, get_order
from shop.services.stock import release_stock, return_stock


def cancel_order(session: Session, number: str, now: datetime) -> None:
    """Cancel an order that has not left the building, and give back what was paid.

    Of money that is only being taken, the jobs find out: they give up the authorization of a
    canceled order, and give back what was captured all the same.

    :raises NotFound: when there is no such order.
    :raises ActionRefused: when it is too late, or the order is canceled already.
    :raises ChangedMeanwhile: when the order has changed while it was being canceled.
    """
    with transaction(session):
        order = get_order(session, number)
        if order.payment_status == PaymentStatus.PAID:
            _take_back(session, order, "cancel", order.units_left, now)
        else:
            claim_order(session, order, "cancel", now, OrderStatus.CANCELED)
            release_stock(session, order.units_left)
            return_limited(session, order, order.units_left)


def refund_order(session: Session, number: str, now: datetime) -> None:
    """Give back all that was paid and not given back before; raises what `cancel_order` does."""
    with transaction(session):
        order = get_order(session, number)
        _take_back(session, order, "refund", order.units_left, now)


def refund_units(session: Session, number: str, sku: str, quantity: int, now: datetime) -> None:
    """Give back the money for some units of one product.

    :raises TooManyUnits: when fewer are left; otherwise raises what `cancel_order` does.
    """
    with transaction(session):
        order = get_order(session, number)
        units = [replace(line, quantity=quantity) for line in order.units_left if line.sku == sku]
        left = sum(line.quantity for line in order.units_left if line.sku == sku)
        if quantity > left:
            raise TooManyUnits(number=number, left=left, sku=sku)
        _take_back(session, order, "refund", units, now)


def refund_late_payment(session: Session, order: Order, now: datetime) -> None:
    """Give back money that came in for a canceled order, inside the caller's transaction."""
    own = update(Order).where(Order.id == order.id)
    session.execute(own.values(refunded_amount=Order.total_amount))
    _queue_refund(session, order, order.totals.total, now)


def _take_back(
    session: Session, order: Order, action: str, units: Sequence[PricedLine], now: datetime
) -> None:
    """Owe the customer what the units cost, and put them back to where they can be sold.

    Before the parcel leaves they are still on the shelf, and an order of which nothing is left is
    canceled; later they have come back with the customer's parcel.
    """
    back = {line.product_id: line.quantity for line in units}
    is_whole = sum(back.values()) == sum(line.quantity for line in order.units_left)
    is_delivered = order.fulfillment_status == FulfillmentStatus.DELIVERED
    all_back = [
        replace(line.priced, quantity=line.refunded + back.get(line.product_id, 0))
        for line in order.lines
    ]
    owed = price_refund(order.totals, sum_lines(all_back), is_whole=is_whole)
    status = OrderStatus.CANCELED if is_whole and not is_delivered else None
    claim_order(session, order, action, now, status, refunded_amount=owed.amount)
    for line in order.lines:
        line.refunded += back.get(line.product_id, 0)
    if is_delivered:
        return_stock(session, units, now)
    else:
        release_stock(session, units)
        return_limited(session, order, units)
    _queue_refund(session, order, owed - order.refunded, now)


def _queue_refund(session: Session, order: Order, money: Money, now: datetime) -> None:
    """Note the order's next refund, and the job that asks the provider for it."""
    nth = len(order.refunds) + 1
    if money.amount:
        session.add(Refund(order_id=order.id, nth=nth, requested_at=now, **asdict(money)))
        enqueue(session, "refund_payment", now, nth, number=order.number)
