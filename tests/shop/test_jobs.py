from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from shop.db import transaction
from shop.models import Job
from shop.services.jobs import (
    Claim,
    claim_job,
    enqueue,
    finish_job,
    postpone_job,
    retry_job,
    set_job_aside,
)

LEASE, SECOND = timedelta(seconds=60), timedelta(seconds=1)


def queue(session: Session, number: str, due_in: int = 0) -> None:
    with transaction(session):
        enqueue(session, "book_parcel", START + due_in * SECOND, number=number)


def claim(session: Session, seconds: float = 0) -> Claim:
    claimed = claim_job(session, LEASE, START + seconds * SECOND)
    assert claimed is not None
    return claimed


def job(session: Session) -> Job:
    session.rollback()
    return session.scalars(select(Job)).one()


def test_nothing_is_claimed_from_an_empty_queue(session: Session) -> None:
    assert claim_job(session, LEASE, START) is None


def test_jobs_are_claimed_in_the_order_they_fall_due(session: Session) -> None:
    for number, due_in in [("third", 2), ("first", 0), ("second", 1), ("later", 11)]:
        queue(session, number, due_in)

    claimed = iter(lambda: claim_job(session, LEASE, START + 10 * SECOND), None)

    assert [each.payload["number"] for each in claimed] == ["first", "second", "third"]


def test_a_job_that_is_not_due_is_left_alone(session: Session) -> None:
    queue(session, "later", due_in=1)

    assert claim_job(session, LEASE, START) is None


def test_the_same_work_queued_twice_is_one_job(session: Session) -> None:
    queue(session, "one")

    queue(session, "one")

    assert job(session).key == "one:book_parcel:1"


@pytest.mark.parametrize(("seconds", "attempt"), [(59.9, None), (60, 2)])
def test_a_claim_holds_for_the_length_of_its_lease(
    session: Session, seconds: float, attempt: int | None
) -> None:
    queue(session, "one")
    claim(session)

    second = claim_job(session, LEASE, START + timedelta(seconds=seconds))

    assert (second and second.attempt) == attempt


def test_a_finished_job_is_not_claimed_again(session: Session) -> None:
    queue(session, "one")

    finish_job(session, claim(session), START)

    assert job(session).done_at == START
    assert claim_job(session, LEASE, START + 99 * LEASE) is None


def test_a_worker_that_lost_its_lease_settles_nothing(session: Session) -> None:
    queue(session, "one")
    stale = claim(session)
    claim(session, seconds=60)

    finish_job(session, stale, START)
    set_job_aside(session, stale, "too late", START)

    assert (job(session).done_at, job(session).set_aside_at) == (None, None)
    assert job(session).leased_until == START + 2 * LEASE


def test_a_postponed_job_has_not_spent_an_attempt(session: Session) -> None:
    queue(session, "one")

    postpone_job(session, claim(session), START + SECOND)

    assert claim_job(session, LEASE, START) is None
    assert claim(session, seconds=1).attempt == 1


def test_a_job_that_failed_is_tried_again_when_due(session: Session) -> None:
    queue(session, "one")

    retry_job(session, claim(session), START + SECOND, "the provider did not answer")

    assert claim_job(session, LEASE, START) is None
    assert claim(session, seconds=1).attempt == 2


def test_a_job_set_aside_keeps_why_and_is_not_claimed(session: Session) -> None:
    queue(session, "one")

    set_job_aside(session, claim(session), "the card is unknown", START)

    assert (job(session).set_aside_at, job(session).last_error) == (START, "the card is unknown")
    assert claim_job(session, LEASE, START + 99 * LEASE) is None


def test_a_long_error_is_cut(session: Session) -> None:
    queue(session, "one")

    retry_job(session, claim(session), START, "é" * 5_000)

    assert job(session).last_error == "é" * 2_000
