"""A store with one product, and a shopper who has come as far as the checkout form."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from scenarios.kit.rows import DELIVERY
from scenarios.kit.work import run_due_jobs
from shop.gateways.fakes import APPROVED
from shop.models import Cart, Customer, Product
from shop.services.fulfillment import pack_order, ship_order
from shop.worker.loop import Worker
from tests.factories import (
    CartFactory,
    CountryFactory,
    CustomerFactory,
    ProductFactory,
    ShippingRateFactory,
)


@pytest.fixture
def lamp(session: Session) -> Product:
    """A product of which ten are left, in a store that ships to one country."""
    CountryFactory.create()
    ShippingRateFactory.create()
    lamp: Product = ProductFactory.create(sku="LMP-001", slug="lamp", name="Lamp", on_hand=10)
    session.rollback()
    return lamp


@pytest.fixture
def typed(client: FlaskClient, session: Session, lamp: Product) -> dict[str, str]:
    """The checkout form as its shopper fills it in, with one lamp in the cart."""
    client.post("/products/lamp/add", data={"quantity": "1"})
    token = session.scalars(select(Cart.checkout_token)).one()
    session.rollback()
    return {**DELIVERY, "card_number": APPROVED, "checkout_token": token, "total_shown": "2873"}


@pytest.fixture
def ada(session: Session) -> Customer:
    """Somebody with an account and its empty cart, signed in nowhere."""
    ada: Customer = CustomerFactory.create(email="ada@example.com")
    CartFactory.create(customer_id=ada.id)
    session.rollback()
    return ada


@pytest.fixture
def delivered(session: Session, worker: Worker, paid: str) -> str:
    """The number of the order that a test has `paid`, once it is with the customer."""
    pack_order(session, paid, START)
    ship_order(session, paid, START)
    run_due_jobs(worker)
    return paid
