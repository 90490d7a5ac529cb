"""What staff see and do: orders, sales, products and their stock, jobs set aside, customers."""

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.helpers import stream_with_context
from werkzeug.wrappers import Response

from shop.clock import now
from shop.db import get_session
from shop.errors import ChangedMeanwhile
from shop.queries.catalog import get_product, list_movements, list_products
from shop.queries.customers import list_customers
from shop.queries.orders import EXPORTED, get_order, list_orders, list_set_aside, read_all_orders
from shop.queries.sales import list_daily_sales, list_monthly_sales
from shop.services.fulfillment import pack_order, ship_order
from shop.services.jobs import retry_set_aside
from shop.services.products import ProductEdit, edit_product, import_products, remove_product
from shop.services.refunds import cancel_order, refund_order, refund_units
from shop.services.stock import adjust_stock
from shop.web import schemas
from shop.web.auth import require_staff
from shop.web.forms import render_form, takes_form
from shop.web.spreadsheets import ImportSchema, write_csv

pages = Blueprint("staff", __name__, url_prefix="/staff")
pages.before_request(require_staff)

_VERBS = {"pack": pack_order, "ship": ship_order, "cancel": cancel_order, "refund": refund_order}


@pages.get("/")
def orders() -> str:
    query = schemas.StaffQuerySchema().load(request.args.to_dict())
    page = list_orders(get_session(), **query)
    return render_template("staff/orders.html", page=page, query=query)


@pages.get("/orders.csv")
def export() -> Response:
    header = [column.key for column in EXPORTED]

    # It runs in a context of its own once the view has returned: the session is then asked for
    # anew, and closed when the last piece is sent or the reader is gone.
    def pieces() -> Iterator[str]:
        yield from write_csv(header, read_all_orders(get_session()))

    name = {"Content-Disposition": "attachment; filename=orders.csv"}
    return Response(stream_with_context(pieces()), mimetype="text/csv", headers=name)


@pages.get("/dashboard")
def dashboard() -> str:
    days, months = (each(get_session(), now()) for each in (list_daily_sales, list_monthly_sales))
    return render_template("staff/dashboard.html", days=days, months=months)


@pages.get("/orders/<number>")
def order(number: str, **form: Any) -> str:
    return render_form("staff/order.html", **form, order=get_order(get_session(), number))


@pages.post("/orders/<number>/<any(pack, ship, cancel, refund):verb>")
@takes_form(schemas.NothingSchema, order)
def act(_form: dict[str, str], number: str, verb: str) -> Response:
    _VERBS[verb](get_session(), number, now())
    return redirect(url_for("staff.order", number=number), 303)


@pages.post("/orders/<number>/units")
@takes_form(schemas.RefundSchema, order)
def refund(form: dict[str, Any], number: str) -> Response:
    refund_units(get_session(), number, form["sku"], form["quantity"], now())
    return redirect(url_for("staff.order", number=number), 303)


@pages.get("/jobs")
def jobs(**form: Any) -> str:
    return render_form("staff/jobs.html", **form, jobs=list_set_aside(get_session()))


# 2**31 - 1 is the largest id that a column holds.
@pages.post("/jobs/<int(max=2147483647):job_id>/retry")
@takes_form(schemas.NothingSchema, jobs)
def retry(_form: dict[str, str], job_id: int) -> Response:
    retry_set_aside(get_session(), job_id, now())
    return redirect(url_for("staff.jobs"), 303)


@pages.get("/products")
def products() -> str:
    query = schemas.PageQuerySchema().load(request.args.to_dict())
    page = list_products(get_session(), **query, sort="name", size=50)
    return render_template("staff/products.html", page=page, query=query)


@pages.get("/import")
def import_page(**form: Any) -> str:
    return render_form("staff/import.html", **form)


@pages.post("/import")
@takes_form(ImportSchema, import_page)
def import_file(form: dict[str, Any]) -> Response:
    rows, hosts = form["file"], current_app.extensions["settings"].picture_hosts
    new = import_products(get_session(), rows, now(), with_pictures=bool(hosts))
    flash(f"The file is imported. New products: {new}. Changed: {len(rows) - new}.")
    return redirect(url_for("staff.products"), 303)


@pages.get("/products/<sku>")
def product(sku: str, **form: Any) -> str:
    product = get_product(get_session(), sku=sku)
    movements = list_movements(get_session(), product)
    is_conflict = isinstance(form.get("error"), ChangedMeanwhile)
    form |= {"product": product, "movements": movements, "is_conflict": is_conflict}
    return render_form("staff/product.html", **form)


@pages.post("/products/<sku>")
@takes_form(schemas.ProductSchema, product)
def change_product(form: dict[str, Any], sku: str) -> Response:
    edit_product(get_session(), sku, form.pop("version"), ProductEdit(**form))
    flash("The product is saved.")
    return redirect(url_for("staff.product", sku=sku), 303)


@pages.post("/products/<sku>/remove")
@takes_form(schemas.NothingSchema, product)
def remove(_form: dict[str, str], sku: str) -> Response:
    remove_product(get_session(), sku)
    flash(f"{sku} is removed.")
    return redirect(url_for("staff.products"), 303)


@pages.post("/products/<sku>/stock")
@takes_form(schemas.StockSchema, product)
def change_stock(form: dict[str, Any], sku: str) -> Response:
    adjust_stock(get_session(), sku, **form, now=now())
    return redirect(url_for("staff.product", sku=sku), 303)


@pages.get("/customers")
def customers() -> str:
    query = schemas.PageQuerySchema().load(request.args.to_dict())
    page = list_customers(get_session(), **query)
    return render_template("staff/customers.html", page=page, query=query)
