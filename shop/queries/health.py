"""Whether each part that the store cannot do without is at work."""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from shop.db import end_read
from shop.models import Heartbeat, Job, Product

log = logging.getLogger(__name__)

_LATEST_START = timedelta(minutes=5)
_LATEST_BEAT = timedelta(seconds=60)


def check_parts(session: Session, names: Iterable[str], now: datetime) -> dict[str, str]:
    """Return for each part whether it is ok or failing; why it fails is for the log only."""
    return {name: "ok" if _is_well(session, name, now) else "failing" for name in names}


def _is_well(session: Session, name: str, now: datetime) -> bool:
    try:
        return PARTS[name](session, now)
    except SQLAlchemyError:
        log.exception("health: %s", name)
        return False
    finally:
        # PostgreSQL answers nothing more in a transaction that has failed.
        end_read(session)


def _answers(session: Session, _now: datetime) -> bool:
    session.execute(select(Product.id).limit(1))
    return True


def _starts_jobs(session: Session, now: datetime) -> bool:
    """Return whether no job has waited for long: one that is tried again later is not due."""
    is_open = Job.done_at.is_(None) & Job.set_aside_at.is_(None)
    late = select(Job.id).where(is_open, Job.due_at < now - _LATEST_START)
    return session.scalar(late.limit(1)) is None


def _has_worker(session: Session, now: datetime) -> bool:
    alive = select(Heartbeat.worker).where(Heartbeat.beat_at > now - _LATEST_BEAT)
    return session.scalar(alive.limit(1)) is not None


PARTS: Mapping[str, Callable[[Session, datetime], bool]] = {
    "database": _answers,
    "jobs": _starts_jobs,
    "worker": _has_worker,
}
# A store that is alone runs its jobs after each page and so has no worker that could be late.
PARTS_ALONE = ("database",)
