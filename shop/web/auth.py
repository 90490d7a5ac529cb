"""Who is asking: sign-ins, the pages that only some may see, and a brake on guessing."""

from dataclasses import dataclass
from urllib.parse import unquote

from flask import abort, redirect, request, session, url_for
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager, current_user, login_user

from shop.clock import now
from shop.db import get_session
from shop.domain.email_address import fold_email
from shop.errors import SignInRefused
from shop.queries.customers import find_signed_in
from shop.services.cart import join_cart
from shop.web.shopper import cart_token, count_units, find_own_cart

login_manager = LoginManager()
login_manager.user_loader(lambda token: load_signed_in(token))
limiter = Limiter(get_remote_address, storage_uri="memory://")


@dataclass(frozen=True)
class SignedIn:
    """Who a browser is signed in as; Flask-Login asks it for the token and keeps that."""

    is_authenticated = is_active = True

    token: str
    id: int
    email: str
    name: str
    is_staff: bool

    def get_id(self) -> str:
        return self.token


def load_signed_in(token: str) -> SignedIn | None:
    """Return who a browser with this token is signed in as.

    Of a sign-in that has ended the browser keeps nothing: not the customer's cart, nor the orders.
    """
    if found := find_signed_in(get_session(), token, now()):
        return SignedIn(token, found.id, found.email, found.name, found.is_staff)
    for name in ("_user_id", "cart", "units", "orders"):
        session.pop(name, None)
    return None


def welcome(token: str) -> None:
    """Sign the browser in, and move what lies in its cart into the customer's.

    :raises SignInRefused: when a change of the password has just ended the sign-in again.
    """
    signed_in = load_signed_in(token)
    if signed_in is None:
        raise SignInRefused
    session.permanent = True
    # Whoever has planted the session in this browser knows the token of its forms.
    session.pop("csrf_token", None)
    login_user(signed_in)
    session["cart"] = join_cart(get_session(), current_user.id, cart_token())
    count_units(find_own_cart())


def require_customer() -> None:
    """Let only pass who is signed in, and send others to do so, and then back."""
    if not current_user.is_authenticated:
        wanted = f"{request.script_root}{request.full_path}" if request.method == "GET" else None
        abort(redirect(url_for("account.sign_in", next=wanted)))


def require_staff() -> None:
    """Let only staff pass."""
    require_customer()
    if not current_user.is_staff:
        abort(403, "This page is for staff.")


def own_path(path: str) -> str:
    """Return the path if it lies within the store, and otherwise an empty text.

    A browser takes `//host` for another site. It reads a backslash as a slash, passes over tabs and
    line ends, and goes up at each `..`, also where that is written `%2e%2e`.
    """
    is_own = path.startswith(f"{request.script_root}/") and not path.startswith("//")
    leads_out = "\\" in path or ".." in unquote(path)
    return path if is_own and not leads_out and path.isprintable() else ""


def throttle_key() -> str:
    """Count guesses by address and account, so that nobody can lock a customer out from afar."""
    return f"{get_remote_address()} {fold_email(request.form.get('email', ''))}"
