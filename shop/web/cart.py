"""Fill the cart and change it."""

from typing import Any

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response

from shop.clock import now
from shop.db import get_session
from shop.domain.pricing import sum_lines
from shop.queries.catalog import get_product
from shop.services.cart import add_to_cart, set_quantity
from shop.web import catalog
from shop.web.forms import render_form, takes_form
from shop.web.schemas import AddToCartSchema, SetQuantitySchema
from shop.web.shopper import cart_token, count_units, find_own_cart, start_own_cart

pages = Blueprint("cart", __name__)


@pages.get("/cart")
def show(**form: Any) -> str:
    cart, moment = find_own_cart(), now()
    count_units(cart)
    goods = sum_lines(line.priced_at(moment) for line in cart.lines) if cart else None
    return render_form("cart.html", **form, cart=cart, goods=goods, now=moment)


@pages.post("/products/<slug>/add")
@takes_form(AddToCartSchema, catalog.product)
def add(form: dict[str, int], slug: str) -> Response:
    sku = get_product(get_session(), slug=slug).sku
    token = cart_token() if find_own_cart() else start_own_cart()
    add_to_cart(get_session(), token, sku, form["quantity"])
    return redirect(url_for("cart.show"), 303)


@pages.post("/cart/lines/<sku>")
@takes_form(SetQuantitySchema, show)
def change(form: dict[str, int], sku: str) -> Response:
    set_quantity(get_session(), cart_token(), sku, form["quantity"])
    return redirect(url_for("cart.show"), 303)


@pages.post("/cart/lines/<sku>/remove")
def remove(sku: str) -> Response:
    set_quantity(get_session(), cart_token(), sku, 0)
    return redirect(url_for("cart.show"), 303)
