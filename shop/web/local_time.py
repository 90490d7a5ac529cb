"""Moments as the clock on the store's wall shows them, and as staff type them."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app
from marshmallow import fields


def to_local(at: datetime) -> datetime:
    """Return the same moment in the time zone of the store."""
    return at.astimezone(_get_zone())


class LocalTime(fields.NaiveDateTime):
    """A moment by the clock of the store, as a browser's `datetime-local` sends it, made UTC.

    Where the clock is put back, a time that comes twice is the first of the two. Where it is put
    forward, one that never comes is as much later as the clock skips: 01:30 becomes 02:30. Both
    are what PEP 495 lets a time without a fold mean.
    """

    _SAID = "A day and a time, please, from 2000 to 2999."
    default_error_messages = {"invalid": _SAID, "invalid_awareness": _SAID}  # noqa: RUF012

    def _deserialize(self, *args: Any, **kwargs: Any) -> datetime:
        local = super()._deserialize(*args, **kwargs)
        # Near the first and the last year there is, other time zones have no such moment.
        if not 2000 <= local.year < 3000:
            raise self.make_error("invalid")
        return local.replace(tzinfo=_get_zone()).astimezone(UTC)


def _get_zone() -> ZoneInfo:
    zone: ZoneInfo = current_app.extensions["settings"].time_zone
    return zone
