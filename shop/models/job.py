"""Work that is still to be done, and news that was taken in: the store's outbox and inbox."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from shop.db import Model

_IS_OPEN = text("done_at IS NULL AND set_aside_at IS NULL")


class Job(Model):
    """One piece of work, open while both `done_at` and `set_aside_at` are empty.

    `due_at` is when it may run next. A worker that claims it sets `leased_until`; past that moment
    the worker is taken for dead and the job is free again. `lease_token` tells one claim from the
    next. `key` keeps the same work from being queued twice.
    """

    __tablename__ = "job"
    __table_args__ = (
        # Only open jobs are looked for, and there are few of them however many were done.
        Index("ix_job_open", "due_at", "id", sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN),
        Index(None, "set_aside_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(100), unique=True)
    kind: Mapped[str] = mapped_column(String(40))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    lease_token: Mapped[str | None] = mapped_column(String(40))
    attempts: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None]
    set_aside_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)


class WebhookEvent(Model):
    """An event by the payment provider's own id, which makes a second delivery harmless."""

    __tablename__ = "webhook_event"

    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    received_at: Mapped[datetime]


class Heartbeat(Model):
    """When a worker, by its host and process, was last seen at work."""

    __tablename__ = "heartbeat"

    worker: Mapped[str] = mapped_column(String(100), primary_key=True)
    beat_at: Mapped[datetime]
