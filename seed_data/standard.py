"""Load the standard store into an empty database."""

import tomllib
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from seed_data.past import write_customer, write_ledger, write_order, write_review
from shop.db import transaction
from shop.models import (
    Category,
    Country,
    Coupon,
    GiftCard,
    Picture,
    Product,
    ShippingRate,
    StockItem,
)

_HERE = Path(__file__).parent


class AlreadySeededError(Exception):
    """The database holds products, which a second load would double."""


def load_standard_store(session: Session) -> int:
    """Write catalog, delivery, promotions, people, orders, reviews; return the number of products.

    :raises AlreadySeededError: when there are products already; nothing is then written.
    """
    with transaction(session):
        return write_standard_store(session)


def refuse_second_load(session: Session) -> None:
    """Check that there is nothing yet.

    :raises AlreadySeededError: when there are products.
    """
    if session.scalar(select(Product.id).limit(1)) is not None:
        raise AlreadySeededError("There are products already, so nothing was seeded.")


def write_standard_store(session: Session) -> int:
    """Do what `load_standard_store` does, inside the caller's transaction."""
    catalog, delivery, people = (_read(name) for name in ("catalog", "delivery", "people"))
    refuse_second_load(session)
    session.add_all(Country(**country) for country in delivery["countries"])
    session.flush()
    session.add_all(ShippingRate(**rate) for rate in delivery["shipping_rates"])
    shelves = {row["slug"]: Category(**row) for row in catalog["categories"]}
    session.add_all(shelves.values())
    session.flush()
    session.add_all(_make_product(row, shelves) for row in catalog["products"])
    session.flush()
    promotions = _read("promotions")
    session.add_all(Coupon(**row) for row in promotions["coupons"])
    session.add_all(GiftCard(**row, balance=row["amount"]) for row in promotions["gift_cards"])
    session.flush()
    for row in people["people"]:
        write_customer(session, row)
    for row in people["orders"]:
        write_order(session, row)
    write_ledger(session)
    for row in _read("reviews")["reviews"]:
        write_review(session, row)
    return len(catalog["products"])


def _make_product(row: dict[str, Any], shelves: dict[str, Category]) -> Product:
    more = enumerate(row.get("more_pictures", ()))
    listed_at = datetime.combine(row["listed_on"], time(9), UTC)
    return Product(
        sku=row["sku"],
        slug=row["slug"],
        name=row["name"],
        summary=row["summary"],
        description=row["description"].strip(),
        price_amount=row["price"],
        category=shelves[row["category"]],
        picture=row["picture"],
        picture_alt=row["picture_alt"],
        more_pictures=[Picture(position=position, **picture) for position, picture in more],
        listed_at=listed_at,
        stock=StockItem(on_hand=row["on_hand"]),
        **row.get("sale", {}),
        **row.get("limit", {}),
    )


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((_HERE / f"{name}.toml").read_text(encoding="utf-8"))
