"""What was sold by day and by month, added up by the database.

Days and months are those of UTC, and an order counts in the one that it was placed in. Canceled
orders are left out. Amounts are totals: after discounts, with shipping and tax, before refunds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
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
    days = [f"{now - timedelta(days=ago):%Y-%m-%d}" for ago in reversed(range(30))]
    return _list_sales(session, days)


def list_monthly_sales(session: Session, now: datetime) -> Sequence[Sales]:
    """Return the sales of the last 12 months, this month's last."""
    this = now.year * 12 + now.month - 1
    months = [f"{month // 12}-{month % 12 + 1:02}" for month in range(this - 11, this + 1)]
    return _list_sales(session, months)


def _list_sales(session: Session, periods: Sequence[str]) -> Sequence[Sales]:
    """Add up the orders of each period, one row of the database for each that has any."""
    length = len(periods[0])
    # SQLite stores a moment as text in UTC; PostgreSQL shows one in the time zone of its server.
    period = func.substr(Order.placed_at, 1, length)
    if session.get_bind().dialect.name == "postgresql":
        period = func.to_char(func.timezone("UTC", Order.placed_at), "YYYY-MM-DD"[:length])
    begins_at = datetime.fromisoformat(f"{periods[0]}-01"[:10]).replace(tzinfo=UTC)
    kept = Order.placed_at >= begins_at, Order.status != OrderStatus.CANCELED
    sums = select(period.label("period"), func.count(), func.sum(Order.total_amount)).where(*kept)
    found = {row[0]: row[1:] for row in session.execute(sums.group_by("period"))}
    facts = [(name, *found.get(name, (0, 0))) for name in periods]
    return [Sales(name, orders, Money(amount)) for name, orders, amount in facts]
