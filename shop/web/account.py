"""Accounts: register, sign in and out, and get back in without the password."""

from typing import Any

from flask import Blueprint, flash, redirect, request, session, url_for
from flask_login import current_user, logout_user
from werkzeug.wrappers import Response

from shop.clock import now
from shop.db import get_session
from shop.services import accounts
from shop.web import schemas
from shop.web.auth import limiter, own_path, throttle_key, welcome
from shop.web.forms import render_form, takes_form

pages = Blueprint("account", __name__)


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
@takes_form(schemas.ResetPasswordSchema, reset_password)
def reset_password_submit(form: dict[str, str]) -> Response:
    accounts.reset_password(get_session(), form["token"], form["password"], now())
    flash("Your new password is set. Sign in with it.")
    return redirect(url_for("account.sign_in"), 303)


def _enter(form: dict[str, str]) -> Response:
    welcome(accounts.sign_in(get_session(), form["email"], form["password"], now()))
    return redirect(own_path(form["next"]) or url_for("catalog.index"), 303)
