"""Rows of a store for a check, each committed at once, with defaults for everything.

Customers, orders and reviews are written by what fills the store with its seeds, so an order has
gone through all that its state says, and a review is counted on its product.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from seed_data.past import write_customer, write_order, write_review
from shop.db import transaction
from shop.models import (
    Category,
    Country,
    Coupon,
    GiftCard,
    Product,
    ShippingRate,
    StockItem,
    StockMovement,
)
from shop.services.accounts import hasher

PASSWORD = "correct horse battery"  # noqa: S105
_HOME = {"address": "12 St James's Square", "city": "London", "postcode": "SW1Y 4JH"}
# What Ada types into the checkout form, but for her card.
DELIVERY = {
    "email": "ada@example.com",
    "name": "Ada Lovelace",
    **_HOME,
    "country_code": "GB",
    "shipping_method": "standard",
}

# A password takes a while to hash, as it should, and here they all have the same one.
_hash_once = cache(hasher.hash)


def add_delivery(session: Session) -> None:
    """Let the store ship to the United Kingdom: 20% tax, standard shipping at 3.95."""
    with transaction(session):
        session.add(Country(code="GB", name="United Kingdom", tax_rate=2000))
        session.flush()
        session.add(ShippingRate(country_code="GB", method="standard", amount=395, days="2-3"))


def add_product(
    session: Session,
    sku: str = "LMP-001",
    *,
    on_hand: int = 10,
    shelf: str = "light",
    **columns: Any,
) -> None:
    """Add a product at 19.99 to a shelf, which is made if need be; its slug is `sku` in lower case.

    What is on hand has come in by the ledger too.
    """
    columns = {"slug": sku.lower(), "name": sku, "price_amount": 1999, "listed_at": START} | columns
    with transaction(session):
        category = session.scalar(select(Category).where(Category.slug == shelf))
        product = Product(sku=sku, stock=StockItem(on_hand=on_hand), **columns)
        product.category = category or Category(slug=shelf, name=shelf.title())
        session.add(product)
        session.flush()
        in_ledger = {"delta": on_hand, "reason": "received", "at": START}
        session.add(StockMovement(product_id=product.id, **in_ledger))


def add_coupon(session: Session, code: str = "TENTH", **columns: Any) -> None:
    """Add a coupon that takes a tenth off for a year; `most_uses=1` for one that is good once."""
    period = {"starts_at": START, "ends_at": START + timedelta(days=365)}
    with transaction(session):
        session.add(Coupon(code=code, **{"rate": 1000, "most_uses": 100} | period | columns))


def add_gift_card(
    session: Session, code: str = "GIFT50", amount: int = 5000, **columns: Any
) -> None:
    """Add a gift card, with all its money on it, that is good for a year."""
    row = {"balance": amount, "ends_at": START + timedelta(days=365)} | columns
    with transaction(session):
        session.add(GiftCard(code=code, amount=amount, **row))


def add_customer(session: Session, email: str = "ada@example.com", **columns: Any) -> None:
    """Open an account with an empty cart and the password `PASSWORD`; `is_staff=True` for staff."""
    row = {"email": email, "name": "Ada Lovelace", "password": PASSWORD, "opened_at": START}
    with transaction(session):
        own = {**row, **_HOME, "country_code": "GB", **columns}
        write_customer(session, own, _hash_once)


def add_order(
    session: Session,
    number: str,
    lines: Mapping[str, int],
    email: str = "ada@example.com",
    state: str = "confirmed",
) -> None:
    """Add a customer's order of these quantities by SKU.

    :param state: confirmed, packed, delivered or declined.
    """
    row = {"number": number, "lines": lines, "email": email, "state": state, "placed_at": START}
    with transaction(session):
        write_order(session, row)


def add_review(
    session: Session, email: str, sku: str = "LMP-001", stars: int = 5, text: str = ""
) -> None:
    """Add a customer's review of a product."""
    row = {"email": email, "sku": sku, "stars": stars, "text": text, "written_at": START}
    with transaction(session):
        write_review(session, row)
