"""Staff who pack and ship whatever is paid, and go on while programs are killed around them."""

from datetime import UTC, datetime
from threading import Event

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.models import Order
from shop.services.fulfillment import pack_order, ship_order
from tests.load.database import session_on

_SECONDS_BETWEEN = 0.1


def pack_and_ship(session: Session) -> bool:
    """Do the next step for every order that waits for staff; tell whether there was one."""
    waits = Order.fulfillment_status.in_(("unfulfilled", "packed")) & (Order.status == "confirmed")
    found = session.execute(select(Order.number, Order.fulfillment_status).where(waits)).all()
    for number, status in found:
        step = pack_order if status == "unfulfilled" else ship_order
        step(session, number, datetime.now(UTC))
    session.rollback()
    return bool(found)


def keep_packing(database_url: str, is_over: Event) -> None:
    """Stand at the packing table until it is over."""
    with session_on(database_url) as session:
        while not is_over.wait(_SECONDS_BETWEEN):
            pack_and_ship(session)
