import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from shop.db import transaction
from shop.domain.order_status import FulfillmentStatus, OrderStatus, PaymentStatus
from shop.errors import NotFound
from shop.models import HistoryEntry, Order
from shop.services.orders import Status, get_order, move_order
from tests.factories import OrderFactory


def history(session: Session) -> list[tuple[str, str]]:
    rows = select(HistoryEntry.subject, HistoryEntry.status).order_by(HistoryEntry.id)
    return [(subject, status) for subject, status in session.execute(rows)]


@pytest.mark.parametrize(
    ("status", "subject"),
    [
        (OrderStatus.CONFIRMED, "status"),
        (PaymentStatus.AUTHORIZED, "payment_status"),
        (FulfillmentStatus.PACKED, "fulfillment_status"),
    ],
)
def test_a_move_changes_its_own_status_and_is_written_down(
    session: Session, status: Status, subject: str
) -> None:
    order_id = OrderFactory.create().id

    with transaction(session):
        moved = move_order(session, order_id, status, START)

    assert (moved, getattr(session.get_one(Order, order_id), subject)) == (True, status)
    assert history(session) == [(subject, status)]


@pytest.mark.parametrize("status", [OrderStatus.PLACED, OrderStatus.COMPLETED])
def test_a_move_that_is_not_allowed_changes_nothing(session: Session, status: OrderStatus) -> None:
    order_id = OrderFactory.create().id

    with transaction(session):
        moved = move_order(session, order_id, status, START)

    assert (moved, session.get_one(Order, order_id).status) == (False, "placed")
    assert history(session) == []


def test_only_the_named_order_moves(session: Session) -> None:
    order_id, other_id = OrderFactory.create().id, OrderFactory.create().id

    with transaction(session):
        move_order(session, order_id, OrderStatus.CANCELED, START)

    assert session.get_one(Order, other_id).status == "placed"


def test_an_unknown_number_is_no_order(session: Session) -> None:
    with pytest.raises(NotFound, match="We have no such order"):
        get_order(session, "BB-00000-00000")
