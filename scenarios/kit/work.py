"""Let a worker run in steps: what is due at this moment, and no more until the clock moves."""

from dataclasses import dataclass

from scenarios.kit.outcomes import CheckBroken
from shop.worker.loop import Worker

_MOST_JOBS = 200


@dataclass(frozen=True, slots=True)
class Shift:
    """How many jobs a worker ran, and what it died of, if it did."""

    jobs: int
    death: Exception | None = None


def run_worker(worker: Worker, most: int = _MOST_JOBS) -> Shift:
    """Run jobs that are due, one after the other, and say how it went.

    Where each is due again at once there is no end of them: after `most` it stops all the same.
    """
    for jobs in range(most):
        try:
            if not worker.run_one():
                return Shift(jobs)
        except Exception as death:
            return Shift(jobs, death)
    return Shift(most)


def run_due_jobs(worker: Worker) -> int:
    """Run jobs until none is due, and return how many there were.

    :raises CheckBroken: when the worker dies, or there is no end of them.
    """
    shift = run_worker(worker)
    if shift.death or shift.jobs == _MOST_JOBS:
        raise CheckBroken(f"The worker did not get done: {shift}") from shift.death
    return shift.jobs
