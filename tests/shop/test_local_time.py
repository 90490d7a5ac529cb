from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from shop.db import transaction
from shop.domain.order_status import OrderStatus
from shop.services.orders import add_history
from tests.factories import CustomerFactory, OrderFactory
from tests.shop.browsers import sign_in_browser

NUMBER = "BB-7K3MQ-9XT2W"
# In London it is summer and the next day already.
PLACED_AT = datetime(2026, 6, 30, 23, 30, tzinfo=UTC)

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    ("path", "london", "kolkata"),
    [
        ("/staff/?show=all", "1 Jul 2026, 00:30 BST", "1 Jul 2026, 05:00 IST"),
        (f"/staff/orders/{NUMBER}", "1 Jul 2026, 00:30 BST", "1 Jul 2026, 05:00 IST"),
        (f"/staff/orders/{NUMBER}", "2026-07-01 00:30:00 BST", "2026-07-01 05:00:00 IST"),
        ("/account/orders", ">1 July 2026<", ">1 July 2026<"),
    ],
)
def test_moments_are_shown_by_the_clock_of_the_store(
    app: Flask, session: Session, path: str, london: str, kolkata: str
) -> None:
    customer = CustomerFactory.create(is_staff=True)
    order = OrderFactory.create(number=NUMBER, placed_at=PLACED_AT, customer_id=customer.id)
    with transaction(session):
        add_history(session, order.id, OrderStatus.PLACED, PLACED_AT)
    browser = sign_in_browser(app, session, customer)

    at_home = browser.get(path).text
    settings = app.extensions["settings"]
    app.extensions["settings"] = replace(settings, time_zone=ZoneInfo("Asia/Kolkata"))
    elsewhere = browser.get(path).text

    assert (london in at_home, kolkata in elsewhere) == (True, True)
