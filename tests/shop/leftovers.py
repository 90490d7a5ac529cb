"""What a refused checkout leaves behind."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.models import CartLine, Job, Order


def left(session: Session) -> tuple[int, int, int]:
    """Count the orders, the jobs and the lines of the cart."""
    session.rollback()
    counts = [select(func.count()).select_from(table) for table in (Order, Job, CartLine)]
    orders, jobs, lines = (session.scalar(count) or 0 for count in counts)
    return orders, jobs, lines
