"""Turn the cart into an order."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Blueprint, current_app, redirect, request, session, url_for
from marshmallow import EXCLUDE, ValidationError
from werkzeug.wrappers import Response

from shop.clock import now
from shop.db import get_session
from shop.errors import Refusal
from shop.queries.customers import find_customer
from shop.queries.orders import list_countries, list_rates
from shop.services.allowances import find_buyer
from shop.services.checkout import CheckoutForm, place_order
from shop.services.promotions import Codes
from shop.services.quotes import ask_carrier, quote_cart
from shop.web.auth import limiter
from shop.web.forms import form_values, render_form, takes_form
from shop.web.schemas import CheckoutSchema, CodesSchema
from shop.web.shopper import cart_token, customer_id, get_own_cart, remember_order

pages = Blueprint("checkout", __name__)
# Whoever guesses codes of gift cards has to be patient.
limiter.limit("30 per minute", exempt_when=lambda: not request.form.get("gift_card_code"))(pages)

_FIRST_VALUES = {"country_code": "GB", "shipping_method": "standard"}
_FROM_PROFILE = ("email", "name", "address", "city", "postcode", "country_code")


@pages.get("/checkout")
def show() -> str:
    customer = find_customer(get_session(), customer_id())
    profile = {name: getattr(customer, name, None) for name in _FROM_PROFILE}
    return _page({**_FIRST_VALUES, **{name: value for name, value in profile.items() if value}})


@pages.post("/checkout/quote")
def quote() -> str:
    """Show the form again with the total for what has been chosen and typed so far."""
    return _page(form_values())


def _page(values: Mapping[str, str], error: Exception | None = None) -> str:
    # These are looked up before anything has validated them, and PostgreSQL takes no NUL.
    # A file may have come in place of a text.
    names = "country_code", "shipping_method", "email"
    country_code, method, email = (str(values.get(name, "")).replace("\x00", "") for name in names)
    carrier = current_app.extensions["gateways"].carrier
    quote = ask_carrier(get_session(), carrier, cart_token(), country_code, method)
    cart, moment = get_own_cart(), now()
    try:
        buyer = find_buyer(get_session(), customer_id(), email)
        codes = Codes(**CodesSchema(unknown=EXCLUDE).load(values), buyer=buyer)
        totals = quote_cart(get_session(), cart, (country_code, method), quote, moment, codes)
    except (ValidationError, Refusal) as refusal:
        totals, error = None, error or refusal
    countries, rates = list_countries(get_session()), list_rates(get_session(), country_code)
    context: dict[str, Any] = {"cart": cart, "totals": totals, "now": moment}
    return render_form("checkout.html", values, error, **context, countries=countries, rates=rates)


@pages.post("/checkout")
@takes_form(CheckoutSchema, _page)
def place(form: CheckoutForm) -> Response:
    outside, own = current_app.extensions["gateways"], customer_id()
    form = replace(form, customer_id=own)
    number = place_order(get_session(), outside, cart_token(), form, now())
    remember_order(number)
    session["units"] = 0
    return redirect(url_for("orders.show", number=number), 303)
