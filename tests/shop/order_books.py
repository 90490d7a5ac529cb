"""What must hold of orders, stock, money, coupons and gift cards, whoever did what, and when."""

from collections.abc import Iterator, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.domain.order_status import statuses_before
from shop.models import Allowance, Coupon, GiftCard, HistoryEntry, Order, StockItem, StockMovement
from shop.services.orders import Status

_KINDS = {kind.__name__: kind for kind in Status.__args__}
_SUBJECTS = {
    "status": _KINDS["OrderStatus"],
    "payment_status": _KINDS["PaymentStatus"],
    "fulfillment_status": _KINDS["FulfillmentStatus"],
}
_GONE = {"shipping", "shipped", "delivered"}


def find_faults(session: Session, received: int) -> list[str]:
    """Return a sentence for everything that is not as it must be.

    :param received: how many units of each product were received before its movements began.
    """
    session.rollback()
    orders = session.scalars(select(Order).order_by(Order.id)).all()
    faults = [fault for order in orders for fault in _check_order(session, order)]
    promised = {
        product_id: sum(
            line.quantity
            for order in orders
            if order.status in ("placed", "confirmed")
            and order.fulfillment_status in ("unfulfilled", "packed", "shipping")
            for line in order.units_left
            if line.product_id == product_id
        )
        for product_id in session.scalars(select(StockItem.product_id))
    }
    for item in session.scalars(select(StockItem)):
        moved = select(func.sum(StockMovement.delta))
        ledger = session.scalar(moved.where(StockMovement.product_id == item.product_id)) or 0
        if item.on_hand != received + ledger:
            faults.append(f"{item.on_hand} on hand, {received + ledger} by the ledger")
        if item.allocated != promised[item.product_id]:
            faults.append(f"{item.allocated} allocated, {promised[item.product_id]} promised")
    return [*faults, *_check_codes(session, orders)]


def _check_codes(session: Session, orders: Sequence[Order]) -> Iterator[str]:
    """Compare gift cards and coupons with the orders that they were used for."""
    for card in session.scalars(select(GiftCard)):
        own = [order for order in orders if order.gift_card_code == card.code]
        spent = sum(order.gift_card_amount for order in own)
        returned = sum(order.refunded_to_gift_card.amount for order in own)
        if card.balance != card.amount - spent + returned:
            yield f"{card.balance} on {card.code}, {card.amount} - {spent} + {returned} by orders"
    for coupon in session.scalars(select(Coupon)):
        own = [order for order in orders if order.coupon_code == coupon.code]
        kept = sum(order.status != "canceled" for order in own)
        by_buyer = select(func.sum(Allowance.used))
        counted = session.scalar(by_buyer.where(Allowance.subject == f"coupon:{coupon.code}")) or 0
        if not coupon.used == kept == counted:
            yield f"{coupon.code} used {coupon.used} times, by buyer {counted}, by orders {kept}"


def _check_order(session: Session, order: Order) -> Iterator[str]:
    if order.status == "canceled" and order.fulfillment_status in _GONE:
        yield f"canceled and {order.fulfillment_status}"
    to_card = sum(refund.amount for refund in order.refunds)
    to_gift_card = order.refunded_amount - to_card
    if to_card > order.totals.charge.amount or not 0 <= to_gift_card <= order.gift_card_amount:
        yield f"refunds of {to_card}, {order.refunded_amount} on the order"
    if order.payment_status in ("declined", "voided") and to_card:
        yield f"{order.payment_status}, and yet refunded"
    history = select(HistoryEntry).where(HistoryEntry.order_id == order.id)
    now: dict[str, str] = {"status": "placed", "payment_status": "pending"}
    now["fulfillment_status"] = "unfulfilled"
    entries = session.scalars(history.order_by(HistoryEntry.id)).all()
    # An order that the store itself has placed begins with its first statuses; a test's may not.
    for entry in entries[3:] if len(entries) > 2 and entries[0].status == "placed" else entries:
        if now[entry.subject] not in statuses_before(_SUBJECTS[entry.subject](entry.status)):
            yield f"{entry.subject} went from {now[entry.subject]} to {entry.status}"
        now[entry.subject] = entry.status
    if now != {subject: getattr(order, subject) for subject in now}:
        yield f"the history ends with {now}"


def statuses(session: Session) -> tuple[str, str, str]:
    """Return the statuses of the one order there is: its own, its payment's, its fulfillment's."""
    session.rollback()
    columns = Order.status, Order.payment_status, Order.fulfillment_status
    status, payment, fulfillment = session.execute(select(*columns)).one()
    return status, payment, fulfillment
