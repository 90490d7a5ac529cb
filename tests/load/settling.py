"""Waiting until a store has nothing left to do."""

from datetime import UTC, datetime

from shop.models import Job
from tests.load.database import bring_checks_forward, list_open_jobs, session_on
from tests.load.packing import pack_and_ship
from tests.load.programs import poll
from tests.load.running import RunningStore


def wait_until_settled(running: RunningStore, seconds: float, *, hurry: bool) -> list[Job]:
    """Wait until all is shipped, done and taken in; return the jobs that are still open.

    :param hurry: do not wait for the moment at which captures are checked once more.
    """
    with session_on(running.database_url) as session:
        for _ in poll(seconds, every=0.2):
            if pack_and_ship(session):
                continue
            left = list_open_jobs(session)
            if not left and not running.outside.count_waiting_webhooks():
                return []
            if hurry and all(job.kind == "check_payment" for job in left):
                bring_checks_forward(session)
            # The next look must see what others have written since.
            session.rollback()
        return list_open_jobs(session)


def is_busy(database_url: str) -> bool:
    """Tell whether a job is due, or claimed by a worker that may be dead."""
    with session_on(database_url) as session:
        now = datetime.now(UTC)
        return any(job.due_at <= now for job in list_open_jobs(session))
