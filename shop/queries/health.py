"""Whether each part that the store cannot do without is at work."""

import logging
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from shop.db import end_read
from shop.models import Heartbeat, Job, Product

log = logging.getLogger(__name__)

_LATEST_START = timedelta(minutes=5)
_LATEST_BEAT = timedelta(seconds=60)


def check_parts(session: Session, now: datetime, *, is_alone: bool) -> dict[str, str]:
    """Return for each part whether it is ok or failing; why it fails is for the log only.

    A store that is alone runs its jobs after each page, and has no worker that could be late.
    """
    is_open = Job.done_at.is_(None) & Job.set_aside_at.is_(None)
    claims = {
        "database": exists(select(Product.id)).is_not(None),
        "jobs": ~exists().where(is_open, Job.due_at < now - _LATEST_START),
        "worker": exists().where(Heartbeat.beat_at > now - _LATEST_BEAT),
    }
    if is_alone:
        del claims["jobs"], claims["worker"]
    return {name: _check(session, name, claim) for name, claim in claims.items()}


def _check(session: Session, name: str, claim: ColumnElement[bool]) -> str:
    try:
        return "ok" if session.scalar(select(claim)) else "failing"
    except SQLAlchemyError:
        log.exception("health: %s", name)
        return "failing"
    finally:
        # PostgreSQL answers nothing more in a transaction that has failed.
        end_read(session)
