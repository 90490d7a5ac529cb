"""When something holds that does not hold for ever."""

from datetime import datetime


def is_running(starts_at: datetime, ends_at: datetime, now: datetime) -> bool:
    """Tell whether `now` is in a period, which has its start and ends just before its end."""
    return starts_at <= now < ends_at
