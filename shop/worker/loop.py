"""Run due jobs one after the other, and keep one that fails from stopping the rest."""

import logging
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import InternalError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from shop.clock import Clock
from shop.errors import NotYet, Refusal
from shop.services import jobs
from shop.services.jobs import MAX_ATTEMPTS, PAYLOAD_VERSION, Claim
from shop.worker.handlers import HANDLERS, handle

log = logging.getLogger(__name__)

_IDLE_SECONDS = 0.2
_BEAT_EVERY = timedelta(seconds=10)
_FIRST_RETRY = timedelta(seconds=1)
_LONGEST_RETRY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Worker:
    """Everything that running a job takes.

    `name` tells it from other workers. `outside` holds what services get under its names: the
    outside world, and links for mails. `lease` must be longer than the slowest job, or a second
    worker starts while the first is still at it. `poll_every` is how long to wait for the outside
    world before asking again.
    """

    name: str
    sessions: sessionmaker[Session]
    outside: Mapping[str, Any]
    clock: Clock
    lease: timedelta
    poll_every: timedelta
    dice: random.Random = field(default_factory=random.Random)

    def run_until(self, stop: threading.Event) -> None:
        """Run jobs as they fall due, until told to stop; the job at hand is finished first."""
        next_beat = self.clock()
        while not stop.is_set():
            try:
                if self.clock() >= next_beat:
                    self._beat()
                    next_beat = self.clock() + _BEAT_EVERY
                idle = not self.run_one()
            except (OperationalError, InternalError):
                # The database is away, full, busy or, for PostgreSQL an internal error, read-only:
                # the claim is lost, its lease brings the job back.
                log.exception("The database did not answer; trying again.")
                idle = True
            if idle:
                stop.wait(_IDLE_SECONDS)

    def run_one(self) -> bool:
        """Run the job that has been due longest; return whether there was one."""
        with self.sessions() as session:
            claim = jobs.claim_job(session, self.lease, self.clock())
        if claim is None:
            return False
        # Each job has a session of its own, so that nothing of a failed one reaches the next.
        with self.sessions() as session:
            try:
                self._handle(session, claim)
            except NotYet:
                jobs.postpone_job(session, claim, self.clock() + self.poll_every)
            except Exception as error:
                self._give_back(session, claim, error)
            else:
                jobs.finish_job(session, claim, self.clock())
                log.info("%s: done", claim.key)
        return True

    def _beat(self) -> None:
        with self.sessions() as session:
            jobs.record_heartbeat(session, self.name, self.clock())

    def _handle(self, session: Session, claim: Claim) -> None:
        if claim.attempt > MAX_ATTEMPTS:
            raise Refusal(why=f"{MAX_ATTEMPTS} workers have died or failed at this job.")
        if claim.kind not in HANDLERS or claim.payload.get("version", 1) > PAYLOAD_VERSION:
            # While a release is rolled out, its jobs also reach the workers of the one before.
            log.warning("%s: left for the worker of a later release", claim.key)
            raise NotYet
        facts = {**self.outside, **claim.payload, "session": session, "now": self.clock()}
        handle(claim.kind, facts)

    def _give_back(self, session: Session, claim: Claim, error: Exception) -> None:
        """Retry what may work later; set aside what will not, or has been tried often enough."""
        if isinstance(error, Refusal) or claim.attempt >= MAX_ATTEMPTS:
            log.error("%s: set aside after attempt %d", claim.key, claim.attempt, exc_info=error)
            jobs.set_job_aside(session, claim, repr(error), self.clock())
        else:
            due_at = self.clock() + self._back_off(claim.attempt)
            log.warning("%s: attempt %d failed: %r", claim.key, claim.attempt, error)
            jobs.retry_job(session, claim, due_at, repr(error))

    def _back_off(self, attempt: int) -> timedelta:
        """Double the wait with each attempt; the jitter keeps workers from coming in step."""
        wait: timedelta = min(_FIRST_RETRY * 2 ** (attempt - 1), _LONGEST_RETRY)
        return wait * self.dice.uniform(0.5, 1.0)
