"""Stock promised to open orders, changed inside other services' transactions.

Products are always taken in the order of their SKUs, so that two orders cannot wait for each other.
"""

from collections.abc import Iterable
from operator import attrgetter

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shop.db import changed_rows
from shop.domain.pricing import PricedLine
from shop.errors import OutOfStock, Shortage
from shop.models import StockItem

_by_sku = attrgetter("sku")
_available = StockItem.on_hand - StockItem.allocated


def allocate_stock(session: Session, lines: Iterable[PricedLine]) -> None:
    """Promise the units of every line to an order.

    :raises OutOfStock: naming each product of which too few are left; the caller's transaction
        ends with it, so nothing is then promised.
    """
    shortages = []
    for line in sorted(lines, key=_by_sku):
        item = StockItem.product_id == line.product_id
        allocate = update(StockItem).where(item, _available >= line.quantity)
        if not changed_rows(
            session, allocate.values(allocated=StockItem.allocated + line.quantity)
        ):
            available = session.scalar(select(_available).where(item)) or 0
            shortages.append(Shortage(line.name, available))
    if shortages:
        raise OutOfStock(shortages)


def release_stock(session: Session, lines: Iterable[PricedLine]) -> None:
    """Give the units of a canceled order back to be sold."""
    for line in sorted(lines, key=_by_sku):
        item = update(StockItem).where(StockItem.product_id == line.product_id)
        session.execute(item.values(allocated=StockItem.allocated - line.quantity))


def ship_stock(session: Session, lines: Iterable[PricedLine]) -> None:
    """Take the units of an order that leaves the building off the shelf."""
    for line in sorted(lines, key=_by_sku):
        item = update(StockItem).where(StockItem.product_id == line.product_id)
        allocated, on_hand = StockItem.allocated - line.quantity, StockItem.on_hand - line.quantity
        session.execute(item.values(allocated=allocated, on_hand=on_hand))
