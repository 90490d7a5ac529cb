"""Turn the cart into an order."""

from collections.abc import Mapping

from flask import Blueprint, current_app, redirect, render_template, session, url_for
from marshmallow import ValidationError
from werkzeug.wrappers import Response

from shop.clock import now
from shop.db import get_session
from shop.errors import CardRefused, DestinationNotServed, GatewayUnavailable, Refusal
from shop.queries.delivery import list_countries, list_rates
from shop.services.checkout import place_order, quote_cart
from shop.web.refusals import fields_of, message_of, status_of
from shop.web.schemas import CheckoutSchema
from shop.web.shopper import cart_token, form_values, get_own_cart, remember_order

pages = Blueprint("checkout", __name__)

_FIRST_VALUES = {"country_code": "GB", "shipping_method": "standard"}


@pages.get("/checkout")
def show() -> str:
    return _page(_FIRST_VALUES)


@pages.post("/checkout/quote")
def quote() -> str:
    """Show the form again with the total for the country and shipping method chosen so far."""
    return _page(form_values())


@pages.post("/checkout")
def place() -> Response | tuple[str, int]:
    values = form_values()
    try:
        form = CheckoutSchema().load(values)
        provider = current_app.extensions["gateways"].payments
        number = place_order(get_session(), provider, cart_token(), form, now())
    except (ValidationError, Refusal, GatewayUnavailable) as error:
        return _page(values, error), status_of(error)
    remember_order(number)
    session["units"] = 0
    return redirect(url_for("orders.show", number=number), 303)


def _page(values: Mapping[str, str], error: Exception | None = None) -> str:
    cart = get_own_cart()
    # These two are looked up before anything has validated them, and PostgreSQL takes no NUL.
    country_code, method = (
        values.get(name, "").replace("\x00", "") for name in ("country_code", "shipping_method")
    )
    try:
        totals = quote_cart(get_session(), cart, country_code, method)
    except DestinationNotServed:
        totals = None
    return render_template(
        "checkout.html",
        cart=cart,
        totals=totals,
        values=values,
        fields={"card_number": [str(error)]}
        if isinstance(error, CardRefused)
        else fields_of(error),
        message=message_of(error) if error else "",
        countries=list_countries(get_session()),
        rates=list_rates(get_session(), country_code),
    )
