"""Moments as the clock on the store's wall shows them."""

from datetime import datetime
from zoneinfo import ZoneInfo

from flask import current_app


def to_local(at: datetime) -> datetime:
    """Return the same moment in the time zone of the store."""
    return at.astimezone(_get_zone())


def _get_zone() -> ZoneInfo:
    return ZoneInfo(current_app.extensions["settings"].time_zone)
