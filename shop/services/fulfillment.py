"""Pack a paid order, send it on its way and follow it until it has arrived."""

from datetime import datetime

from sqlalchemy.orm import Session

from shop.db import end_read, transaction
from shop.domain.order_status import FulfillmentStatus, OrderStatus
from shop.errors import NotFound, NotYet
from shop.gateways.carrier import Carrier, Parcel
from shop.models import Order, Shipment
from shop.services.jobs import enqueue
from shop.services.orders import claim_order, get_order, move_order
from shop.services.stock import ship_stock


def pack_order(session: Session, number: str, now: datetime) -> None:
    """Note that an order is packed; raises what `ship_order` does."""
    with transaction(session):
        order = get_order(session, number)
        claim_order(session, order, "pack", now, FulfillmentStatus.PACKED)


def ship_order(session: Session, number: str, now: datetime) -> None:
    """Hand a packed order over: from now on nobody can cancel it, and a job books its parcel.

    :raises ActionRefused: when the order is not at that point.
    :raises ChangedMeanwhile: when somebody else has just canceled or shipped it.
    """
    with transaction(session):
        order = get_order(session, number)
        claim_order(session, order, "ship", now, FulfillmentStatus.SHIPPING)
        enqueue(session, "book_parcel", now, number=number)


def book_parcel(session: Session, carrier: Carrier, number: str, now: datetime) -> None:
    """Book the order's parcel and take its units off the shelf."""
    parcel = _describe_parcel(get_order(session, number))
    end_read(session)
    tracking_number = carrier.book(parcel)
    with transaction(session):
        order = get_order(session, number)
        if not move_order(session, order.id, FulfillmentStatus.SHIPPED, now):
            return
        session.add(Shipment(order_id=order.id, tracking_number=tracking_number, booked_at=now))
        ship_stock(session, order.units_left, now)
        enqueue(session, "send_dispatch", now, number=number)
        enqueue(session, "track_parcel", now, number=number)


def track_parcel(session: Session, carrier: Carrier, number: str, now: datetime) -> None:
    """Complete the order once its parcel has arrived.

    :raises NotYet: while it is on its way.
    """
    shipment = get_order(session, number).shipment
    if shipment is None:
        raise NotFound(what="parcel")
    tracking_number = shipment.tracking_number
    end_read(session)
    if not carrier.is_delivered(tracking_number):
        raise NotYet
    with transaction(session):
        order = get_order(session, number)
        if move_order(session, order.id, FulfillmentStatus.DELIVERED, now):
            move_order(session, order.id, OrderStatus.COMPLETED, now)


def _describe_parcel(order: Order) -> Parcel:
    address = f"{order.address}, {order.city}, {order.postcode}"
    return Parcel(order.number, order.name, address, order.country_code, order.shipping_method)
