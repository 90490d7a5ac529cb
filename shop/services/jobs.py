"""Queue jobs, claim them and settle them, and keep a sign of life of whoever does.

A job is written by the transaction that makes it necessary, so it can neither be lost nor run for
an order that was never placed. Each job is run by one worker at a time, and by another if that
dies: each claim has a token of its own, and only the latest claim may settle a job, so a worker
that was taken for dead and comes back changes nothing.
"""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from shop.db import changed_rows, insert, transaction
from shop.errors import NotFound
from shop.models import Heartbeat, Job

MAX_ATTEMPTS = 8
# Goes up with each change of what a payload holds. The release before wrote none, which is 1.
PAYLOAD_VERSION = 2
_AT_ONCE = timedelta()
_FORGET_WORKER_AFTER = timedelta(days=1)
_LONGEST_ERROR, _LONGEST_KEY = 2_000, 100


@dataclass(frozen=True, slots=True)
class Claim:
    """One run of one job by one worker; `attempt` counts the runs from 1."""

    job_id: int
    token: str | None
    attempt: int
    key: str
    kind: str
    payload: dict[str, Any]


def enqueue(
    session: Session,
    kind: str,
    now: datetime,
    nth: int = 1,
    after: timedelta = _AT_ONCE,
    **subject: str | int,
) -> None:
    """Queue one piece of work, inside the caller's transaction.

    `subject` is what it is about, an order's `number` or a `customer_id`; the service that the job
    runs gets it under this name. The work falls due `after` now. `nth` tells repeated work apart:
    the same subject, kind and `nth` queued twice is one job.
    """
    enqueue_all(session, kind, now, [subject], nth, after)


def enqueue_all(
    session: Session,
    kind: str,
    now: datetime,
    subjects: Iterable[Mapping[str, str | int]],
    nth: int = 1,
    after: timedelta = _AT_ONCE,
) -> None:
    """Queue the same work about each subject, in one statement for all."""
    facts = {"kind": kind, "created_at": now, "due_at": now + after}
    about = {"nth": nth, "version": PAYLOAD_VERSION}
    jobs = [
        {**facts, "key": _make_key(*each.values(), kind, nth), "payload": {**each, **about}}
        for each in subjects
    ]
    if jobs:
        job = insert(session, Job).on_conflict_do_nothing(index_elements=["key"])
        session.connection().execute(job, jobs)


def _make_key(*parts: str | int) -> str:
    """Join what tells a job from others; of what is too long for its column a hash stands in."""
    key = ":".join(map(str, parts))
    if len(key) <= _LONGEST_KEY:
        return key
    return f"{key[:35]}:{hashlib.sha256(key.encode()).hexdigest()}"


def claim_job(session: Session, lease: timedelta, now: datetime) -> Claim | None:
    """Take the job that has been due longest for the length of the lease, if one is due.

    PostgreSQL passes over the rows that another worker is just taking; SQLite has one writer at a
    time and knows no such lock.
    """
    is_open = Job.done_at.is_(None) & Job.set_aside_at.is_(None) & (Job.due_at <= now)
    is_free = or_(Job.leased_until.is_(None), Job.leased_until <= now)
    first = select(Job.id).where(is_open, is_free).order_by(Job.due_at, Job.id).limit(1)
    due = first.with_for_update(skip_locked=True).scalar_subquery()
    job = update(Job).where(Job.id == due, is_free)
    claim = job.values(
        leased_until=now + lease, lease_token=secrets.token_hex(16), attempts=Job.attempts + 1
    ).returning(Job.id, Job.lease_token, Job.attempts, Job.key, Job.kind, Job.payload)
    with transaction(session):
        row = session.execute(claim).one_or_none()
        return Claim(*row) if row else None


def finish_job(session: Session, claim: Claim, now: datetime) -> None:
    """Mark a job as done."""
    _settle(session, claim, done_at=now)


def postpone_job(session: Session, claim: Claim, due_at: datetime) -> None:
    """Free a job that has nothing to do yet; the attempt does not count."""
    _settle(session, claim, due_at=due_at, attempts=claim.attempt - 1)


def retry_job(session: Session, claim: Claim, due_at: datetime, error: str) -> None:
    """Free a job that failed, to be tried again later."""
    _settle(session, claim, due_at=due_at, last_error=error[:_LONGEST_ERROR])


def set_job_aside(session: Session, claim: Claim, error: str, now: datetime) -> None:
    """Give a job up and keep why, for staff to see."""
    _settle(session, claim, set_aside_at=now, last_error=error[:_LONGEST_ERROR])


def retry_set_aside(session: Session, job_id: int, now: datetime) -> None:
    """Open a job again that was set aside, with all its attempts.

    :raises NotFound: when it is not set aside, or not any more.
    """
    job = update(Job).where(Job.id == job_id, Job.set_aside_at.is_not(None))
    with transaction(session):
        if not changed_rows(session, job.values(set_aside_at=None, due_at=now, attempts=0)):
            raise NotFound(what="job that was set aside")


def record_heartbeat(session: Session, worker: str, now: datetime) -> None:
    """Note that a worker is there, and forget those that have not been for a day."""
    beat = insert(session, Heartbeat).values(worker=worker, beat_at=now)
    gone = delete(Heartbeat).where(Heartbeat.beat_at < now - _FORGET_WORKER_AFTER)
    upsert = beat.on_conflict_do_update(index_elements=["worker"], set_={"beat_at": now})
    with transaction(session):
        session.execute(upsert)
        session.execute(gone)


def _settle(session: Session, claim: Claim, **values: Any) -> None:
    own = update(Job).where(Job.id == claim.job_id, Job.lease_token == claim.token)
    with transaction(session):
        session.execute(own.values(leased_until=None, lease_token=None, **values))
