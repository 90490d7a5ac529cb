"""Follow an order, print its receipt, or cancel it."""

from typing import Any

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from shop.clock import now
from shop.db import get_session
from shop.queries.orders import get_guest_order_number
from shop.services.refunds import cancel_order
from shop.web.forms import render_form, takes_form
from shop.web.schemas import FindOrderSchema, NothingSchema
from shop.web.shopper import get_own_order, has_order, remember_order

pages = Blueprint("orders", __name__)

_WHO = "To see this order, tell us the email address that it was placed with."


@pages.get("/orders/<number>")
def show(number: str) -> str | tuple[str, int]:
    if not has_order(number):
        return render_form("find_order.html", {"number": number}, message=_WHO), 404
    return _page(number)


def _page(number: str, **form: Any) -> str:
    return render_form("order.html", **form, order=get_own_order(number))


@pages.get("/orders/<number>/receipt")
def receipt(number: str) -> str:
    return render_template("receipt.html", order=get_own_order(number))


@pages.post("/orders/<number>/cancel")
@takes_form(NothingSchema, _page)
def cancel(_form: dict[str, str], number: str) -> Response:
    cancel_order(get_session(), get_own_order(number).number, now())
    return redirect(url_for("orders.show", number=number), 303)


@pages.get("/orders/find")
def find(**form: Any) -> str:
    return render_form("find_order.html", **form)


@pages.post("/orders/find")
@takes_form(FindOrderSchema, find)
def find_submit(form: dict[str, str]) -> Response:
    number = get_guest_order_number(get_session(), form["number"], form["email"])
    remember_order(number)
    return redirect(url_for("orders.show", number=number), 303)
