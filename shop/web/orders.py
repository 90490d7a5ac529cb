"""Follow an order."""

from flask import Blueprint, redirect, render_template, url_for
from marshmallow import ValidationError
from werkzeug.wrappers import Response

from shop.db import get_session
from shop.errors import NotFound
from shop.queries.orders import get_guest_order_number, get_order
from shop.web.refusals import fields_of, message_of, status_of
from shop.web.schemas import FindOrderSchema
from shop.web.shopper import form_values, has_order, remember_order

pages = Blueprint("orders", __name__)


@pages.get("/orders/<number>")
def show(number: str) -> str | tuple[str, int]:
    if not has_order(number):
        message = "To see this order, tell us the email address that it was placed with."
        return _find_page({"number": number}, message), 404
    return render_template("order.html", order=get_order(get_session(), number))


@pages.get("/orders/find")
def find() -> str:
    return _find_page({})


@pages.post("/orders/find")
def find_submit() -> Response | tuple[str, int]:
    values = form_values()
    try:
        form = FindOrderSchema().load(values)
        number = get_guest_order_number(get_session(), form["number"], form["email"])
    except (ValidationError, NotFound) as error:
        return _find_page(values, message_of(error), error), status_of(error)
    remember_order(number)
    return redirect(url_for("orders.show", number=number), 303)


def _find_page(values: dict[str, str], message: str = "", error: Exception | None = None) -> str:
    return render_template(
        "find_order.html", values=values, message=message, fields=fields_of(error)
    )
