"""What the order page shows."""

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from shop.domain.email_address import fold_email
from shop.errors import NotFound
from shop.models import Order


def get_order(session: Session, number: str) -> Order:
    """Return an order with its lines, payment, shipment and history.

    :raises NotFound: when there is none.
    """
    order = session.scalar(
        select(Order)
        .where(Order.number == number)
        .options(
            joinedload(Order.country),
            joinedload(Order.payment),
            joinedload(Order.shipment),
            selectinload(Order.lines),
            selectinload(Order.history),
        )
    )
    if order is None:
        raise NotFound("order")
    return order


def get_guest_order_number(session: Session, number: str, email: str) -> str:
    """Return the order's number to a guest who knows both it and the email address.

    :raises NotFound: when the two do not belong together; which of them is wrong is not told.
    """
    found = session.scalar(
        select(Order.number).where(
            Order.number == number.upper(), Order.folded_email == fold_email(email)
        )
    )
    if found is None:
        raise NotFound("order with this number and email")
    return found
