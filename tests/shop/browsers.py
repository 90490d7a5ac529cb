"""Browsers, and who is signed in with them."""

from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from scenarios.kit.clock import START
from shop.models import Cart, Customer, SignIn
from tests.factories import PASSWORD, CartFactory


def sign_in(client: FlaskClient, email: str = "ada@example.com", **form: str) -> TestResponse:
    """Send the form with which somebody signs in."""
    return client.post("/sign-in", data={"email": email, "password": PASSWORD, **form})


def is_in(client: FlaskClient) -> bool:
    """Tell whether anybody is signed in with this browser."""
    return client.get("/account/").status_code == 200


def sign_in_browser(app: Flask, session: Session, customer: Customer) -> FlaskClient:
    """Return a browser in which the customer is signed in, with an empty cart of their own.

    It takes no password, and so not the time that a slow hash takes.
    """
    token = f"sign-in of {customer.id}"
    ends_at = START + timedelta(hours=12)
    session.add(SignIn(token=token, customer_id=customer.id, ends_at=ends_at))
    cart: Cart = CartFactory.create(customer_id=customer.id)
    browser = app.test_client()
    with browser.session_transaction() as kept:
        kept.update({"_user_id": token, "_fresh": True, "cart": cart.token})
    session.rollback()
    return browser
