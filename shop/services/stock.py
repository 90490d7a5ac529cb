"""Stock promised to open orders, and the movements that change what is on hand.

Products are always taken in the order of their SKUs, so that two orders cannot wait for each other.
"""

from collections.abc import Iterable
from datetime import datetime
from operator import attrgetter

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from shop.db import changed_rows, get_one, transaction
from shop.domain.pricing import PricedLine
from shop.errors import OutOfStock, Shortage, StockTooLow
from shop.models import Product, StockItem, StockMovement

_by_sku = attrgetter("sku")
_available = StockItem.on_hand - StockItem.allocated
# Made once, since each line of each order takes it.
_ALLOCATE = update(StockItem).where(StockItem.product_id == bindparam("product"))
_ALLOCATE = _ALLOCATE.where(_available >= bindparam("units"))
_ALLOCATE = _ALLOCATE.values(allocated=StockItem.allocated + bindparam("units"))


def adjust_stock(
    session: Session, sku: str, delta: int, reason: str, note: str, now: datetime
) -> None:
    """Write units that came or went into the ledger, and change what is on hand by as many.

    :raises NotFound: when there is no such product.
    :raises StockTooLow: when fewer would be left than are promised to open orders.
    """
    with transaction(session):
        product_id = get_one(session, select(Product.id).where(Product.sku == sku), "product")
        own = StockItem.product_id == product_id
        item = update(StockItem).where(own, _available + delta >= 0)
        if not changed_rows(session, item.values(on_hand=StockItem.on_hand + delta)):
            allocated = get_one(session, select(StockItem.allocated).where(own), "product")
            raise StockTooLow(allocated=allocated)
        _note_movement(session, product_id, delta, reason, now, note)


def allocate_stock(session: Session, lines: Iterable[PricedLine]) -> None:
    """Promise the units of every line to an order, inside the caller's transaction.

    :raises OutOfStock: naming each product of which too few are left; the caller's transaction
        ends with it, so nothing is then promised.
    """
    shortages = []
    for line in sorted(lines, key=_by_sku):
        if not changed_rows(session, _ALLOCATE, product=line.product_id, units=line.quantity):
            left = select(_available).where(StockItem.product_id == line.product_id)
            shortages.append(Shortage(line.name, session.scalar(left) or 0))
    if shortages:
        raise OutOfStock(shortages)


def release_stock(session: Session, lines: Iterable[PricedLine]) -> None:
    """Give the units of a canceled order back to be sold, inside the caller's transaction."""
    for line in sorted(lines, key=_by_sku):
        item = update(StockItem).where(StockItem.product_id == line.product_id)
        session.execute(item.values(allocated=StockItem.allocated - line.quantity))


def ship_stock(session: Session, lines: Iterable[PricedLine], now: datetime) -> None:
    """Take the units of a parcel off the shelf, inside the caller's transaction."""
    for line in sorted(lines, key=_by_sku):
        item = update(StockItem).where(StockItem.product_id == line.product_id)
        allocated, on_hand = StockItem.allocated - line.quantity, StockItem.on_hand - line.quantity
        session.execute(item.values(allocated=allocated, on_hand=on_hand))
        _note_movement(session, line.product_id, -line.quantity, "shipped", now)


def return_stock(session: Session, lines: Iterable[PricedLine], now: datetime) -> None:
    """Put units that came back on the shelf again, inside the caller's transaction."""
    for line in sorted(lines, key=_by_sku):
        item = update(StockItem).where(StockItem.product_id == line.product_id)
        session.execute(item.values(on_hand=StockItem.on_hand + line.quantity))
        _note_movement(session, line.product_id, line.quantity, "returned", now)


def _note_movement(
    session: Session, product_id: int, delta: int, reason: str, now: datetime, note: str = ""
) -> None:
    session.add(StockMovement(product_id=product_id, delta=delta, reason=reason, note=note, at=now))
