"""Browsers in which somebody is signed in already; signing in itself costs a slow hash."""

from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.models import Cart, Customer, SignIn
from tests.conftest import START
from tests.factories import CartFactory


def sign_in_browser(app: Flask, session: Session, customer: Customer) -> FlaskClient:
    """Return a browser in which the customer is signed in, with an empty cart of their own."""
    token = f"sign-in of {customer.id}"
    ends_at = START + timedelta(hours=12)
    session.add(SignIn(token=token, customer_id=customer.id, ends_at=ends_at))
    cart: Cart = CartFactory.create(customer_id=customer.id)
    browser = app.test_client()
    with browser.session_transaction() as kept:
        kept.update({"_user_id": token, "_fresh": True, "cart": cart.token})
    session.rollback()
    return browser
