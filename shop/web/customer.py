"""What customers see of themselves and change: profile, password, API token, orders."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from shop.db import get_session
from shop.queries.customers import find_customer
from shop.queries.delivery import list_countries
from shop.queries.orders import list_own_orders
from shop.services import accounts
from shop.services.accounts import Profile
from shop.web import schemas
from shop.web.auth import limiter, require_customer
from shop.web.forms import render_form, takes_form

pages = Blueprint("customer", __name__, url_prefix="/account")
pages.before_request(require_customer)

_PROFILE = ("name", "address", "city", "postcode", "country_code")


@pages.get("/")
def show(**form: Any) -> str:
    customer = find_customer(get_session(), current_user.id)
    profile = {name: getattr(customer, name) or "" for name in _PROFILE}
    values = {**profile, **form.pop("values", {})}
    countries = list_countries(get_session())
    return render_form("account/show.html", values, **form, customer=customer, countries=countries)


@pages.post("/profile")
@takes_form(schemas.ProfileSchema, show)
def edit_profile(form: Profile) -> Response:
    accounts.edit_profile(get_session(), current_user.id, form)
    flash("Your address is saved.")
    return redirect(url_for("customer.show"), 303)


@pages.post("/password")
@limiter.limit("10 per minute")
@takes_form(schemas.ChangePasswordSchema, show)
def change_password(form: dict[str, str]) -> Response:
    own, token = current_user.id, current_user.get_id()
    current, new = form["current_password"], form["new_password"]
    accounts.change_password(get_session(), own, current, new, token)
    flash("Your password is changed. Every other browser is signed out.")
    return redirect(url_for("customer.show"), 303)


@pages.post("/token")
def make_api_token() -> str:
    token = accounts.make_api_token(get_session(), current_user.id)
    return show(api_token=token)


@pages.get("/orders")
def orders() -> str:
    query = schemas.PageQuerySchema().load(request.args.to_dict())
    page = list_own_orders(get_session(), current_user.id, query["after"])
    return render_template("account/orders.html", page=page, query=query)
