"""Keep scarce products from going to one buyer, inside other services' transactions.

Products are taken in the order of their SKUs, after stock, coupon and gift card, so that two orders
cannot wait for each other.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from shop.domain.pricing import PricedLine
from shop.domain.promotions import window_of
from shop.errors import LimitReached
from shop.models import CartLine, Order
from shop.services.allowances import find_buyer, return_allowance, use_allowance


def claim_limited(
    session: Session, lines: Iterable[CartLine], buyer: str, now: datetime
) -> dict[str, int]:
    """Count the limited products of a cart against its buyer, and return in which window, by SKU.

    :raises LimitReached: when the buyer would have more than is allowed of one.
    """
    windows = {}
    for line in sorted(lines, key=lambda line: line.product.sku):
        product = line.product
        if most := product.most_per_buyer:
            windows[product.sku] = window = window_of(now, product.limit_days)
            claim = f"product:{product.sku}", buyer, window
            if not use_allowance(session, *claim, line.quantity, most):
                span = "day" if product.limit_days == 1 else f"{product.limit_days} days"
                raise LimitReached(name=product.name, most=most, span=span)
    return windows


def return_limited(session: Session, order: Order, units: Iterable[PricedLine]) -> None:
    """Let the buyer have units again that never left, as many as were counted and no more."""
    windows = {line.sku: line.limit_window for line in order.lines}
    for unit in sorted(units, key=lambda unit: unit.sku):
        if (window := windows[unit.sku]) is not None:
            buyer = find_buyer(session, order.customer_id, order.email)
            return_allowance(session, f"product:{unit.sku}", buyer, window, unit.quantity)
