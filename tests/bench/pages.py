"""The pages whose cost is watched while a store grows, as each store's visitors find them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_hex

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from shop.models import Cart, CartLine, Category, Customer, Order, Product, SignIn
from shop.services.accounts import hash_token

GUEST, CUSTOMER, STAFF, PROGRAM = "guest", "customer", "staff", "program"
LINES_IN_CART = 3
# These look at what grows, however well they do it.
MAY_GROW = ("search", "dashboard")


@dataclass(frozen=True)
class Page:
    """An address of one store, and who asks for it."""

    address: str
    who: str = GUEST


class Visitors:
    """The people who look at a store, each with a browser; `pages` is what they look at."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self.engine: Engine = app.extensions["sessions"].kw["bind"]
        with app.extensions["sessions"]() as session:
            self._customer = _customer_with_most_orders(session)
            self._token = token_hex()
            self._browsers = self._open_browsers(session)
            self.pages = self._list_pages(session)

    def read(self, name: str) -> str:
        """Return the text of a page."""
        return self.look(self.pages[name])

    def look(self, page: Page) -> str:
        """Ask for a page and read all of it.

        :raises RuntimeError: when it is not there.
        """
        browser = self._browsers[page.who]
        headers = {"Authorization": f"Bearer {self._token}"} if page.who == PROGRAM else {}
        answer = browser.get(page.address, headers=headers, buffered=True)
        if answer.status_code != 200:
            raise RuntimeError(f"{page.address} answered {answer.status_code} to a {page.who}.")
        return answer.text

    def cookie_of(self, who: str) -> str:
        """Return what a browser sends as its session."""
        cookie = self._browsers[who].get_cookie("session")
        return f"session={cookie.value}" if cookie else ""

    def _open_browsers(self, session: Session) -> Mapping[str, FlaskClient]:
        staff = session.scalars(select(Customer.id).where(Customer.is_staff)).first()
        now = datetime.now(UTC)
        tokens = {CUSTOMER: (self._customer, token_hex(16)), STAFF: (staff, token_hex(16))}
        for customer_id, token in tokens.values():
            session.add(
                SignIn(token=token, customer_id=customer_id, ends_at=now + timedelta(hours=12))
            )
        own = update(Customer).where(Customer.id == self._customer)
        session.execute(own.values(api_token_hash=hash_token(self._token)))
        cart = Cart(token=token_hex(16), checkout_token=token_hex(16), created_at=now)
        session.add(cart)
        session.flush()
        goods = session.scalars(select(Product.id).order_by(Product.id).limit(LINES_IN_CART))
        session.add_all(CartLine(cart_id=cart.id, product_id=each, quantity=1) for each in goods)
        kept = {GUEST: {"cart": cart.token}, PROGRAM: {}}
        kept |= {who: {"_user_id": token} for who, (_, token) in tokens.items()}
        session.commit()
        return {who: self._open_browser(each) for who, each in kept.items()}

    def _open_browser(self, kept: Mapping[str, str]) -> FlaskClient:
        browser = self._app.test_client()
        with browser.session_transaction() as cookie:
            cookie.update(kept)
        return browser

    def _list_pages(self, session: Session) -> Mapping[str, Page]:
        middle = session.scalars(select(func.max(Product.id))).one() // 2
        product = session.get_one(Product, middle)
        shelf = session.get_one(Category, product.category_id).slug
        own = select(Order.number).where(Order.customer_id == self._customer)
        number = session.scalars(own.order_by(Order.id.desc())).first()
        some = session.scalars(select(Order.number).order_by(Order.id.desc()).offset(100)).first()
        word = product.name.split()[0]
        return {
            "catalog": Page("/"),
            "shelf": Page(f"/?category={shelf}&sort=cheapest"),
            "page far on": Page(f"/?sort=name&after={product.sku}"),
            "search": Page(f"/?q={word}&sort=name"),
            "product": Page(f"/products/{product.slug}"),
            "cart": Page("/cart"),
            "checkout": Page("/checkout"),
            "order history": Page("/account/orders", CUSTOMER),
            "order": Page(f"/orders/{number}", CUSTOMER),
            "receipt": Page(f"/orders/{number}/receipt", CUSTOMER),
            "account": Page("/account/", CUSTOMER),
            "staff: to pack": Page("/staff/", STAFF),
            "staff: on the way": Page("/staff/?show=on-the-way", STAFF),
            "staff: all orders": Page("/staff/?show=all", STAFF),
            "staff: older orders": Page(f"/staff/?show=all&after={some}", STAFF),
            "staff: an order": Page(f"/staff/orders/{some}", STAFF),
            "staff: by number": Page(f"/staff/?q={some}", STAFF),
            "staff: products": Page("/staff/products", STAFF),
            "staff: a product": Page(f"/staff/products/{product.sku}", STAFF),
            "staff: customers": Page("/staff/customers", STAFF),
            "staff: set aside": Page("/staff/jobs", STAFF),
            "dashboard": Page("/staff/dashboard", STAFF),
            "API: products": Page("/api/v1/products", PROGRAM),
            "API: feed": Page(f"/api/v1/feed?after={product.sku}", PROGRAM),
            "API: own orders": Page("/api/v1/orders", PROGRAM),
            "API: an order": Page(f"/api/v1/orders/{number}", PROGRAM),
        }


def _customer_with_most_orders(session: Session) -> int:
    own = select(Order.customer_id).where(Order.customer_id.is_not(None))
    most = own.group_by(Order.customer_id).order_by(func.count().desc(), Order.customer_id)
    return session.scalars(most.limit(1)).one()  # type: ignore[return-value]
