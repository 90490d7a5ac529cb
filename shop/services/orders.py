"""Find an order and move its statuses, inside other services' transactions."""

from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from shop.db import changed_rows, get_one
from shop.domain.order_status import FulfillmentStatus, OrderStatus, PaymentStatus, statuses_before
from shop.errors import ActionRefused, ChangedMeanwhile
from shop.models import HistoryEntry, Order

Status = OrderStatus | PaymentStatus | FulfillmentStatus

FIRST_STATUSES = OrderStatus.PLACED, PaymentStatus.PENDING, FulfillmentStatus.UNFULFILLED
_COLUMNS: dict[type[Status], InstrumentedAttribute[str]] = {
    OrderStatus: Order.status,
    PaymentStatus: Order.payment_status,
    FulfillmentStatus: Order.fulfillment_status,
}


def get_order(session: Session, number: str) -> Order:
    """Return an order by its number.

    :raises NotFound: when there is none.
    """
    return get_one(session, select(Order).where(Order.number == number), "order")


def move_order(session: Session, order_id: int, status: Status, now: datetime) -> bool:
    """Move one of the order's statuses, if it may move there from where it is now.

    The check and the change are one statement, so of two that try at once only one succeeds.
    Returns whether the status moved; what follows from the move must depend on it.
    """
    column = _COLUMNS[type(status)]
    order = update(Order).where(Order.id == order_id, column.in_(statuses_before(status)))
    if not changed_rows(session, order.values({column: status})):
        return False
    add_history(session, order_id, status, now)
    return True


def claim_order(
    session: Session, order: Order, action: str, now: datetime, status: Status | None, **values: Any
) -> None:
    """Change the order for somebody who wants to cancel, pack, ship or refund it.

    The change is made only to the order as it was read, all three statuses and what was refunded,
    so of two people at once only the first gets what they want.

    :raises ActionRefused: when the order has come too far for the action, or not far enough.
    :raises ChangedMeanwhile: when somebody else was faster.
    """
    if action not in order.actions:
        facts = {"status": order.status, "fulfillment": order.fulfillment_status}
        raise ActionRefused(number=order.number, **facts)
    if status:
        values[_COLUMNS[type(status)].key] = status
    columns = (*_COLUMNS.values(), Order.refunded_amount)
    as_read = [column == getattr(order, column.key) for column in columns]
    change = update(Order).where(Order.id == order.id, *as_read).values(values)
    if not changed_rows(session, change):
        raise ChangedMeanwhile(what="order")
    if status:
        add_history(session, order.id, status, now)


def begin_history(session: Session, order_id: int, now: datetime) -> None:
    """Write the statuses that every order begins with into its history."""
    facts = {"order_id": order_id, "at": now}
    first = [{**facts, "subject": _COLUMNS[type(s)].key, "status": s} for s in FIRST_STATUSES]
    session.execute(insert(HistoryEntry), first)


def add_history(session: Session, order_id: int, status: Status, now: datetime) -> None:
    """Write a status into the order's history, under the column that it belongs to."""
    subject = _COLUMNS[type(status)].key
    session.add(HistoryEntry(order_id=order_id, subject=subject, status=status, at=now))
