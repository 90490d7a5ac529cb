"""Fill the cart and change it."""

from flask import Blueprint, redirect, render_template, url_for
from marshmallow import ValidationError
from werkzeug.wrappers import Response

from shop.db import get_session
from shop.domain.pricing import sum_lines
from shop.errors import Refusal
from shop.queries.catalog import get_product
from shop.services.cart import add_to_cart, set_quantity
from shop.web.refusals import fields_of, message_of, status_of
from shop.web.schemas import AddToCartSchema, SetQuantitySchema
from shop.web.shopper import cart_token, count_units, find_own_cart, form_values, start_own_cart

pages = Blueprint("cart", __name__)


@pages.get("/cart")
def show() -> str:
    return _page()


@pages.post("/products/<slug>/add")
def add(slug: str) -> Response | tuple[str, int]:
    values, product = form_values(), get_product(get_session(), slug)
    try:
        form = AddToCartSchema().load(values)
        token = cart_token() if find_own_cart() else start_own_cart()
        add_to_cart(get_session(), token, product.sku, form["quantity"])
    except (ValidationError, Refusal) as error:
        product = get_product(get_session(), slug)
        page = render_template(
            "product.html",
            product=product,
            values=values,
            message=message_of(error),
            fields=fields_of(error),
        )
        return page, status_of(error)
    return redirect(url_for("cart.show"), 303)


@pages.post("/cart/lines/<sku>")
def change(sku: str) -> Response | tuple[str, int]:
    try:
        form = SetQuantitySchema().load(form_values())
        set_quantity(get_session(), cart_token(), sku, form["quantity"])
    except (ValidationError, Refusal) as error:
        return _page(message_of(error)), status_of(error)
    return redirect(url_for("cart.show"), 303)


@pages.post("/cart/lines/<sku>/remove")
def remove(sku: str) -> Response:
    set_quantity(get_session(), cart_token(), sku, 0)
    return redirect(url_for("cart.show"), 303)


def _page(message: str = "") -> str:
    cart = find_own_cart()
    count_units(cart)
    goods = sum_lines(line.priced for line in cart.lines) if cart else None
    return render_template("cart.html", cart=cart, goods=goods, message=message)
