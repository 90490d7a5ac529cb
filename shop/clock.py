"""The time, read in one place. Every moment in the store is an aware UTC datetime."""

from collections.abc import Callable
from datetime import UTC, datetime

from flask import current_app

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the moment it is."""
    return datetime.now(UTC)


def now() -> datetime:
    """Return the moment of the current request, by the clock that the application was given."""
    clock: Clock = current_app.extensions["clock"]
    return clock()
