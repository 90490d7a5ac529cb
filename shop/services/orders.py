"""Find an order and move its statuses, inside other services' transactions."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from shop.db import changed_rows
from shop.domain.order_status import FulfillmentStatus, OrderStatus, PaymentStatus, statuses_before
from shop.errors import NotFound
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
    order = session.scalar(select(Order).where(Order.number == number))
    if order is None:
        raise NotFound("order")
    return order


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


def add_history(session: Session, order_id: int, status: Status, now: datetime) -> None:
    """Write a status into the order's history, under the column that it belongs to."""
    subject = _COLUMNS[type(status)].key
    session.add(HistoryEntry(order_id=order_id, subject=subject, status=status, at=now))
