"""The store and the shoppers of the store's own tests, and one who may do everything."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from shop.models import Cart, Heartbeat, Product
from shop.services.accounts import hash_token
from tests.attacks.filled_in import API_TOKEN, NUMBER, VALID
from tests.factories import CartLineFactory, CategoryFactory, CustomerFactory, OrderFactory
from tests.shop.browsers import sign_in_browser
from tests.shop.conftest import ada, lamp, typed

__all__ = ["ada", "lamp", "typed"]


@pytest.fixture
def insider(app: Flask, session: Session, lamp: Product) -> FlaskClient:
    """A member of staff's, with a lamp in the cart, an order and an API token.

    A bug is answered, as in the real store.
    """
    app.testing = False
    staff = CustomerFactory.create(
        email=VALID["email"], is_staff=True, api_token_hash=hash_token(API_TOKEN)
    )
    # The link is somebody else's: it signs its customer out everywhere.
    link = hash_token(VALID["token"]), START + timedelta(hours=1)
    CustomerFactory.create(reset_hash=link[0], reset_ends_at=link[1])
    OrderFactory.create(number=NUMBER, product=lamp, customer_id=staff.id)
    lamp.stock.allocated = 1
    session.add(Heartbeat(worker="host:1", beat_at=START))
    CategoryFactory.create(slug="kitchen")
    browser = sign_in_browser(app, session, staff)
    cart = session.scalars(select(Cart)).one()
    cart.checkout_token = VALID["checkout_token"]
    CartLineFactory.create(cart_id=cart.id, product=lamp)
    session.rollback()
    return browser


def as_new(app: Flask, browser: FlaskClient) -> FlaskClient:
    """Return a copy of the browser, so that no form sees what another has left in its session."""
    copy = app.test_client()
    with browser.session_transaction() as kept, copy.session_transaction() as own:
        own.update(kept)
    return copy
