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
    number: str,
    now: datetime,
    nth: int = 1,
    after: timedelta = _AT_ONCE,
) -> None:
    """Queue one piece of work for an order, inside the caller's transaction.

    It falls due `after` now. `nth` tells repeated work for one order apart: the same kind, order
    and `nth` queued twice is one job.
    """
    job = insert(session, Job).values(
        key=f"{number}:{kind}:{nth}",
        kind=kind,
        payload={"number": number, "nth": nth},
        created_at=now,
        due_at=now + after,
        attempts=0,
    )
    session.execute(job.on_conflict_do_nothing(index_elements=["key"]))
