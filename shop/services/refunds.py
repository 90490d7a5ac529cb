"""Cancel an order before it is shipped, and give money back for all of it or for some units.

Whatever is taken back changes the order's own row first, through `claim_order`. So canceling,
refunding and shipping exclude one another, and the units go back to the shelf exactly once. Money
goes back to the card up to what that was charged, by a job, and the rest to the gift card at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from shop.db import changed_rows, transaction
from shop.domain.money import Money
from shop.domain.order_status import FulfillmentStatus, OrderStatus, PaymentStatus
from shop.domain.pricing import PricedLine, card_part, price_refund, sum_lines
from shop.errors import ChangedMeanwhile, TooManyUnits
from shop.models import Order, OrderLine, Refund
from shop.services.jobs import enqueue
from shop.services.limits import return_limited
from shop.services.orders import claim_order, get_order, move_order
from shop.services.promotions import return_coupon, return_to_gift_card
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
            give_up_order(session, order)


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


def give_up_order(session: Session, order: Order) -> None:
    """Put back what a canceled order held, inside the caller's transaction.

    The card has paid nothing, so only the gift card gets money back.
    """
    gift_card = order.totals.gift_card - order.refunded_to_gift_card
    order.refunded_amount += gift_card.amount
    release_stock(session, order.units_left)
    return_coupon(session, order)
    return_to_gift_card(session, order, gift_card)
    return_limited(session, order, order.units_left)


def refund_late_payment(session: Session, order: Order, now: datetime) -> None:
    """Give back money that came in for a canceled order, inside the caller's transaction."""
    order.refunded_amount = order.total_amount
    _queue_refund(session, order, order.totals.charge, now)


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
    _take_units_back(session, order, back)
    if is_delivered:
        return_stock(session, units, now)
    else:
        release_stock(session, units)
    if status:
        return_coupon(session, order)
    to_card = card_part(order.totals, owed) - card_part(order.totals, order.refunded)
    return_to_gift_card(session, order, owed - order.refunded - to_card)
    if not is_delivered:
        return_limited(session, order, units)
    _queue_refund(session, order, to_card, now)
    if is_whole and not to_card.amount:
        move_order(session, order.id, PaymentStatus.REFUNDED, now)


def _take_units_back(session: Session, order: Order, back: Mapping[int, int]) -> None:
    """Note by product what has come back, unless somebody has noted some of it meanwhile.

    Units that cost nothing come back without a change to the order's own row.
    """
    for line in order.lines:
        as_read = OrderLine.id == line.id, OrderLine.refunded == line.refunded
        refunded = line.refunded + back.get(line.product_id, 0)
        if not changed_rows(session, update(OrderLine).where(*as_read).values(refunded=refunded)):
            raise ChangedMeanwhile(what="order")


def _queue_refund(session: Session, order: Order, money: Money, now: datetime) -> None:
    """Note the order's next refund to the card, and the job that asks the provider for it."""
    nth = len(order.refunds) + 1
    if money.amount:
        session.add(Refund(order_id=order.id, nth=nth, requested_at=now, **asdict(money)))
        enqueue(session, "refund_payment", now, nth, number=order.number)
