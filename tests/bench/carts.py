"""Full carts, each with the form that orders it, as many as a round of checkouts uses up."""

from collections.abc import Iterator
from datetime import UTC, datetime
from secrets import token_hex
from threading import Lock

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from flask_wtf.csrf import generate_csrf
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from scenarios.kit.rows import DELIVERY
from shop.gateways.fakes import APPROVED
from shop.models import Cart, CartLine, Product, StockItem
from shop.services.cart import find_cart
from shop.services.promotions import NO_CODES
from shop.services.quotes import quote_cart
from tests.bench.visitors import Ask

SLUGS = ("kestrel-kettle", "claw-hammer", "ledger-notebook")
_PLENTY = 10_000_000


class Carts:
    """Fills carts of three lines, and gives each out once."""

    def __init__(self, app: Flask) -> None:
        self._app, self._lock = app, Lock()
        self._full: Iterator[str] = iter(())
        with app.extensions["sessions"]() as session:
            goods = select(Product.id).where(Product.slug.in_(SLUGS)).order_by(Product.id)
            self._goods = list(session.scalars(goods))
            session.execute(update(StockItem).values(on_hand=_PLENTY))
            session.commit()
        with app.test_request_context():
            self._csrf_token = generate_csrf()
            from flask import session as cookie

            self._kept = dict(cookie)
        [token] = self.fill(1)
        with app.extensions["sessions"]() as session:
            self._charge = _quote(session, token)

    def fill(self, number: int) -> list[str]:
        """Fill so many carts, from which `next_ask` takes; return their tokens."""
        tokens = [token_hex(16) for _ in range(number)]
        with self._app.extensions["sessions"]() as session:
            at = datetime.now(UTC)
            carts = [{"token": t, "checkout_token": t, "created_at": at} for t in tokens]
            ids = session.scalars(insert(Cart).returning(Cart.id), carts).all()
            lines = [
                {"cart_id": each, "product_id": product, "quantity": 1}
                for each in ids
                for product in self._goods
            ]
            session.execute(insert(CartLine), lines)
            session.commit()
        self._full = iter(tokens)
        return tokens

    def next_ask(self, path: str) -> Ask | None:
        """Return what orders the next cart at this address, or None when all are ordered."""
        with self._lock:
            token = next(self._full, None)
        if token is None:
            return None
        form = {**DELIVERY, "card_number": APPROVED, "checkout_token": token}
        form |= {"total_shown": str(self._charge), "csrf_token": self._csrf_token}
        return Ask(path, self._cookie({**self._kept, "cart": token}), form, 303)

    def _cookie(self, kept: dict[str, str]) -> str:
        signer = SecureCookieSessionInterface().get_signing_serializer(self._app)
        assert signer
        return f"session={signer.dumps(kept)}"


def _quote(session: Session, token: str) -> int:
    cart = find_cart(session, token)
    assert cart
    to = DELIVERY["country_code"], DELIVERY["shipping_method"]
    return quote_cart(session, cart, to, {}, datetime.now(UTC), NO_CODES).charge.amount
