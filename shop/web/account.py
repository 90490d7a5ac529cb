"""Accounts: how guests get in, and what customers see of themselves and change."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask_login import current_user, logout_user
from werkzeug.wrappers import Response

from shop.clock import now
from shop.db import get_session
from shop.queries.customers import find_customer
from shop.queries.orders import list_countries, list_own_orders
from shop.services import accounts, reviews
from shop.services.accounts import Profile
from shop.web import catalog, schemas
from shop.web.auth import limiter, own_path, require_customer, throttle_key, welcome
from shop.web.forms import render_form, takes_form

pages = Blueprint("account", __name__)
own_pages = Blueprint("customer", __name__, url_prefix="/account")
own_pages.before_request(require_customer)

_PROFILE = ("name", "address", "city", "postcode", "country_code")


@pages.get("/register")
def register(**form: Any) -> str:
    return render_form("account/register.html", **{"values": request.args, **form})


@pages.post("/register")
@limiter.limit("20 per minute")
@takes_form(schemas.RegisterSchema, register)
def register_submit(form: dict[str, str]) -> Response:
    accounts.register(get_session(), form["email"], form["name"], form["password"], now())
    return _enter(form)


@pages.get("/sign-in")
def sign_in(**form: Any) -> str:
    return render_form("account/sign_in.html", **{"values": request.args, **form})


@pages.post("/sign-in")
@limiter.limit(
    "5 per minute", key_func=throttle_key, deduct_when=lambda answer: answer.status_code != 303
)
@limiter.limit("30 per minute")
@takes_form(schemas.SignInSchema, sign_in)
def sign_in_submit(form: dict[str, str]) -> Response:
    return _enter(form)


@pages.post("/sign-out")
def sign_out() -> Response:
    if current_user.is_authenticated:
        accounts.sign_out(get_session(), current_user.get_id())
    logout_user()
    session.clear()
    return redirect(url_for("catalog.index"), 303)


@pages.get("/password/forgot")
def forgot_password(**form: Any) -> str:
    return render_form("account/forgot_password.html", **form)


@pages.post("/password/forgot")
@limiter.limit("20 per minute")
@takes_form(schemas.ForgotPasswordSchema, forgot_password)
def forgot_password_submit(form: dict[str, str]) -> str:
    accounts.request_password_reset(get_session(), form["email"], now())
    return render_form("account/forgot_password.html", is_sent=True)


@pages.get("/password/reset")
def reset_password(**form: Any) -> str:
    return render_form("account/reset_password.html", **{"values": request.args, **form})


@pages.post("/password/reset")
@limiter.limit("20 per minute")
@takes_form(schemas.ResetPasswordSchema, reset_password)
def reset_password_submit(form: dict[str, str]) -> Response:
    accounts.reset_password(get_session(), form["token"], form["password"], now())
    flash("Your new password is set. Sign in with it.")
    return redirect(url_for("account.sign_in"), 303)


@own_pages.get("/")
def show(**form: Any) -> str:
    customer = find_customer(get_session(), current_user.id)
    profile = {name: getattr(customer, name) or "" for name in _PROFILE}
    values = {**profile, **form.pop("values", {})}
    countries = list_countries(get_session())
    return render_form("account/show.html", values, **form, customer=customer, countries=countries)


@own_pages.post("/profile")
@takes_form(schemas.ProfileSchema, show)
def edit_profile(form: Profile) -> Response:
    accounts.edit_profile(get_session(), current_user.id, form)
    flash("Your address is saved.")
    return redirect(url_for("customer.show"), 303)


@own_pages.post("/password")
@limiter.limit("10 per minute")
@takes_form(schemas.ChangePasswordSchema, show)
def change_password(form: dict[str, str]) -> Response:
    own, token = current_user.id, current_user.get_id()
    current, new = form["current_password"], form["new_password"]
    accounts.change_password(get_session(), own, current, new, token)
    flash("Your password is changed. Every other browser is signed out.")
    return redirect(url_for("customer.show"), 303)


@own_pages.post("/token")
def make_api_token() -> str:
    token = accounts.make_api_token(get_session(), current_user.id)
    return show(api_token=token)


@own_pages.get("/orders")
def orders() -> str:
    query = schemas.PageQuerySchema().load(request.args.to_dict())
    page = list_own_orders(get_session(), current_user.id, query["after"])
    return render_template("account/orders.html", page=page, query=query)


@own_pages.post("/reviews/<slug>")
@takes_form(schemas.ReviewSchema, catalog.product)
def write_review(form: dict[str, Any], slug: str) -> Response:
    reviews.write_review(get_session(), current_user.id, slug, **form, now=now())
    flash("Your review is saved. Thank you.")
    return redirect(url_for("catalog.product", slug=slug, _anchor="main"), 303)


# 2**31 - 1 is the largest id that a column holds.
@own_pages.post("/reviews/<slug>/<int(max=2147483647):review_id>/remove")
def remove_review(slug: str, review_id: int) -> Response:
    reviews.remove_review(get_session(), current_user.id, review_id)
    flash("The review is removed.")
    return redirect(url_for("catalog.product", slug=slug), 303)


def _enter(form: dict[str, str]) -> Response:
    welcome(accounts.sign_in(get_session(), form["email"], form["password"], now()))
    return redirect(own_path(form["next"]) or url_for("catalog.index"), 303)
