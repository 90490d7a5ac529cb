"""What every call to a simulated service meets first and last.

First its conditions (it waits, or is refused), and last the ledger of calls and the log.
Neither holds bodies or queries, and long numbers in a path are masked, so that
a card number cannot get into them.
"""

import logging
import re
import time
from dataclasses import astuple, dataclass

from flask import Blueprint, Response, g, request

from scenarios.world.clock import as_text
from scenarios.world.conditions import get_conditions, take_one
from scenarios.world.context import World, current_world
from scenarios.world.refusals import Refusal

log = logging.getLogger("world")


@dataclass(frozen=True)
class Call:
    """One call as the ledger of calls keeps it; `ms` is how long the caller waited."""

    service: str
    method: str
    path: str
    idempotency_key: str | None
    status: int
    outcome: str
    ms: float


def guard(blueprint: Blueprint, service: str) -> None:
    """Put a service's calls under its conditions and into its ledger of calls."""

    @blueprint.before_request
    def meet_conditions() -> None:
        g.service = service
        g.outcome = "failed by condition"
        obey_conditions(current_world(), service)
        g.outcome = "answered"


def obey_conditions(world: World, service: str) -> None:
    """Wait and fail as the conditions of every service say.

    :raises Refusal: 503 when the service is failing, or was told to fail the next calls.
    """
    with world.ledger.transaction() as db:
        conditions = get_conditions(db, service)
        fails = conditions["failing"] or take_one(db, service, "fail_next")
    world.pause(service, conditions["latency_seconds"])
    if fails:
        raise Refusal(503, "unavailable", f"The {service} service is not available now.")


def start_watch() -> None:
    """Remember when the call came."""
    g.started = time.perf_counter()


def record_call(response: Response) -> Response:
    """Write the call to the log, and to the ledger when a simulated service was called."""
    ms = round((time.perf_counter() - g.started) * 1000, 1)
    path = shown_path(request.path)
    log.info("%s %s %s %s ms", request.method, path, response.status_code, ms)
    if "service" in g:
        key = request.headers.get("Idempotency-Key")
        status = response.status_code
        call = Call(g.service, request.method, path, key, status, g.outcome, ms)
        add_call(current_world(), call)
    return response


def add_call(world: World, call: Call) -> None:
    """Add a call to its service's ledger of calls."""
    with world.ledger.transaction() as db:
        db.execute(
            "INSERT INTO calls (at, service, method, path, idempotency_key, status, outcome, ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (as_text(world.clock()), *astuple(call)),
        )


def shown_path(path: str) -> str:
    """Return a path that is safe in a log: one line, not endless, and no card number in it."""
    masked = re.sub(r"\b\d(?:[ -]?\d){11,18}\b", "[number]", path[:500])
    return masked.encode("unicode_escape").decode("ascii")
