"""What was sold by day and by month, added up by the database.

Days and months are those of UTC, and an order counts in the one that it was placed in. Canceled
orders are left out. Amounts are totals: after discounts, with shipping and tax, before refunds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from sqlalchemy import func, literal, select, union_all
from sqlalchemy.orm import Session

from shop.domain.money import Money
from shop.domain.order_status import OrderStatus
from shop.models import Order


@dataclass(frozen=True, slots=True)
class Sales:
    """The orders of one `period`, a day like 2026-03-02 or a month like 2026-03."""

    period: str
    orders: int
    total: Money


def list_daily_sales(session: Session, now: datetime) -> Sequence[Sales]:
    """Return the sales of the last 30 days, today's last."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    days = [today + timedelta(days=day) for day in range(-29, 2)]
    return _list_sales(session, days, "%Y-%m-%d")


def list_monthly_sales(session: Session, now: datetime) -> Sequence[Sales]:
    """Return the sales of the last 12 months, this month's last."""
    this = now.year * 12 + now.month - 1
    months = [datetime(m // 12, m % 12 + 1, 1, tzinfo=UTC) for m in range(this - 11, this + 2)]
    return _list_sales(session, months, "%Y-%m")


def _list_sales(session: Session, starts: Sequence[datetime], name: str) -> Sequence[Sales]:
    """Add up the orders between each start and the next, whose period has such a name.

    Each period is a range of the index, so that no row is sorted and no moment is cut to a day.
    """
    sums, total = [], func.coalesce(func.sum(Order.total_amount), 0)
    kept = Order.status != OrderStatus.CANCELED
    for nth, (start, end) in enumerate(pairwise(starts)):
        placed = Order.placed_at >= start, Order.placed_at < end
        sums.append(select(literal(nth), func.count(), total).where(*placed, kept))
    rows = sorted(session.execute(union_all(*sums)).all())
    return [Sales(f"{starts[nth]:{name}}", orders, Money(int(sum_))) for nth, orders, sum_ in rows]
