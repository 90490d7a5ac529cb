"""Jobs written in the transaction that makes them necessary.

A job can so be neither lost nor run for an order that was never placed.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from shop.db import insert
from shop.models import Job


def enqueue(session: Session, kind: str, number: str, due_at: datetime, nth: int = 1) -> None:
    """Queue one piece of work for an order, inside the caller's transaction.

    `nth` tells repeated work for one order apart: the same kind, order and `nth` queued twice is
    one job.
    """
    session.execute(
        insert(session, Job)
        .values(
            key=f"{number}:{kind}:{nth}",
            kind=kind,
            payload={"number": number, "nth": nth},
            created_at=due_at,
            due_at=due_at,
            attempts=0,
        )
        .on_conflict_do_nothing(index_elements=["key"])
    )
