import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.db import transaction
from shop.domain.order_status import FulfillmentStatus, OrderStatus, PaymentStatus
from shop.services.orders import FIRST_STATUSES, Status, add_history
from tests.factories import LISTED_AT, OrderFactory

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

NUMBER = "BB-7K3MQ-9XT2W"
PAID: tuple[Status, ...] = (PaymentStatus.AUTHORIZED, PaymentStatus.PAID, OrderStatus.CONFIRMED)
SENT: tuple[Status, ...] = (
    *(FulfillmentStatus.PACKED, FulfillmentStatus.SHIPPING, FulfillmentStatus.SHIPPED),
    *(FulfillmentStatus.DELIVERED, OrderStatus.COMPLETED),
)


@pytest.mark.parametrize(
    ("statuses", "told"),
    [
        ((), ["Order placed"]),
        (PAID, ["Order placed", "Paid"]),
        (PAID + SENT, ["Order placed", "Paid", "Packed", "Handed to the carrier", "Delivered"]),
        (
            (PaymentStatus.DECLINED, OrderStatus.CANCELED),
            ["Order placed", "Card declined", "Order canceled"],
        ),
    ],
)
def test_an_order_tells_its_history_in_a_customers_words(
    client: FlaskClient, session: Session, statuses: tuple[Status, ...], told: list[str]
) -> None:
    order = OrderFactory.create(number=NUMBER)
    with transaction(session):
        for status in (*FIRST_STATUSES, *statuses):
            add_history(session, order.id, status, LISTED_AT)

    form = {"number": NUMBER, "email": "ada@example.com"}
    page = client.post("/orders/find", data=form, follow_redirects=True).text

    assert re.findall("</time></td><td>([^<]+)</td>", page) == told
    assert re.search("unfulfilled|pending|authorized", page) is None
