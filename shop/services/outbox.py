"""Jobs written in the transaction that makes them necessary.

A job can so be neither lost nor run for an order that was never placed.
"""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from shop.db import insert
from shop.models import Job

_AT_ONCE = timedelta()


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
    job = insert(session, Job).values(
        key=":".join(map(str, [*subject.values(), kind, nth])),
        kind=kind,
        payload={**subject, "nth": nth},
        created_at=now,
        due_at=now + after,
        attempts=0,
    )
    session.execute(job.on_conflict_do_nothing(index_elements=["key"]))
