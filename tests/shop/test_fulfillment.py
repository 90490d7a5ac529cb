import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from shop.errors import NotFound, NotYet
from shop.gateways.carrier import Parcel
from shop.gateways.fakes import FakeCarrier
from shop.models import Job, Order, Shipment, StockItem
from shop.services.fulfillment import book_parcel, track_parcel
from tests.factories import OrderFactory


@pytest.fixture
def number(session: Session) -> str:
    """The number of an order that is paid, packed and handed over."""
    statuses = {"payment_status": "paid", "fulfillment_status": "shipping"}
    return str(OrderFactory.create(status="confirmed", **statuses).number)


def statuses(session: Session) -> tuple[str, str]:
    row = session.execute(select(Order.status, Order.fulfillment_status)).one()
    return row.status, row.fulfillment_status


def test_a_parcel_is_booked_with_the_orders_address(
    session: Session, carrier: FakeCarrier, number: str
) -> None:
    book_parcel(session, carrier, number, START)

    address = "12 St James's Square, London, SW1Y 4JH"
    assert carrier.parcels == {
        f"LP-{number}": Parcel(number, "Ada Lovelace", address, "GB", "standard")
    }


def test_a_booked_parcel_is_shipped_and_followed(
    session: Session, carrier: FakeCarrier, number: str
) -> None:
    book_parcel(session, carrier, number, START)

    assert statuses(session) == ("confirmed", "shipped")
    kinds = session.scalars(select(Job.kind).order_by(Job.id)).all()
    assert kinds == ["send_dispatch", "track_parcel"]


def test_a_booked_parcel_takes_its_units_off_the_shelf(
    session: Session, carrier: FakeCarrier, number: str
) -> None:
    book_parcel(session, carrier, number, START)

    assert session.execute(select(StockItem.on_hand, StockItem.allocated)).all() == [(9, 0)]


def test_an_order_is_complete_when_its_parcel_has_arrived(
    session: Session, carrier: FakeCarrier, number: str
) -> None:
    book_parcel(session, carrier, number, START)

    track_parcel(session, carrier, number, START)

    assert statuses(session) == ("completed", "delivered")


def test_an_order_waits_while_its_parcel_is_on_its_way(
    session: Session, carrier: FakeCarrier, number: str
) -> None:
    book_parcel(session, carrier, number, START)
    carrier.parcels.clear()

    with pytest.raises(NotYet):
        track_parcel(session, carrier, number, START)

    assert statuses(session) == ("confirmed", "shipped")


def test_an_order_without_a_parcel_cannot_be_followed(
    session: Session, carrier: FakeCarrier, number: str
) -> None:
    with pytest.raises(NotFound, match="We have no such parcel"):
        track_parcel(session, carrier, number, START)

    assert session.scalars(select(Shipment.order_id)).all() == []
