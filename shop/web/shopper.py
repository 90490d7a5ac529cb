"""What the browser's session says of whoever is shopping.

It is a signed cookie: shoppers can read theirs and change nothing in it. Tokens and order numbers
that stand in it are proof enough, as nobody can guess them.
"""

from typing import Any

from flask import session
from flask_login import current_user

from shop.clock import now
from shop.db import get_session
from shop.errors import CartEmpty, NotFound
from shop.models import Cart, Order
from shop.queries.orders import get_order, is_customers_order
from shop.services.cart import find_cart, start_cart

_MOST_ORDERS = 20


def cart_token() -> str:
    """Return the token of the shopper's cart, or an empty text."""
    customer_id()  # A sign-in that has ended takes the cart along.
    return str(session.get("cart", ""))


def find_own_cart() -> Cart | None:
    """Return the shopper's cart, if there is one."""
    return find_cart(get_session(), cart_token())


def get_own_cart() -> Cart:
    """Return the shopper's cart.

    :raises CartEmpty: when there is none, or nothing in it.
    """
    cart = find_own_cart()
    if cart is None or not cart.lines:
        raise CartEmpty
    return cart


def start_own_cart() -> str:
    """Give the shopper an empty cart and return its token."""
    session.permanent = True
    session["cart"] = start_cart(get_session(), now())
    return cart_token()


def count_units(cart: Cart | None) -> None:
    """Remember how many units the cart holds, for the head of every page.

    It stands in the session so that a page which shows nothing from the database asks it nothing.
    """
    session["units"] = sum(line.quantity for line in cart.lines) if cart else 0


def remember_order(number: str) -> None:
    """Let this browser see the order from now on."""
    session.permanent = True
    known: list[Any] = [each for each in session.get("orders", []) if each != number]
    session["orders"] = [*known, number][-_MOST_ORDERS:]


def customer_id() -> int | None:
    """Return the id of whoever is signed in."""
    return current_user.id if current_user.is_authenticated else None


def has_order(number: str) -> bool:
    """Tell whether this browser has placed or found the order, or its customer has."""
    own = customer_id()
    is_known = number in session.get("orders", [])
    return is_known or bool(own and is_customers_order(get_session(), number, own))


def get_own_order(number: str) -> Order:
    """Return the shopper's order.

    :raises NotFound: when it is somebody else's.
    """
    if not has_order(number):
        raise NotFound(what="order")
    return get_order(get_session(), number)
