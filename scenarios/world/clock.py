"""The one place where the outside world reads the time.

Moments are aware and in UTC. Their text always has microseconds and +00:00,
so that comparing two texts is comparing two moments.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


def as_text(moment: datetime) -> str:
    """Write a moment the way the ledgers keep it."""
    return moment.isoformat(timespec="microseconds")


def later(moment: datetime, seconds: float) -> str:
    """Return the text of the moment that is so many seconds after another."""
    return as_text(moment + timedelta(seconds=seconds))
