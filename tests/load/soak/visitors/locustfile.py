"""The visitors of a run, for Locust: who they are, and what is written down when they have left."""

from pathlib import Path
from typing import Any

from locust import events
from locust.env import Environment

from tests.load.soak.briefing import Outcome, Requests, write
from tests.load.soak.visitors.customer import Customer
from tests.load.soak.visitors.guest import Guest
from tests.load.soak.visitors.partner import Partner
from tests.load.soak.visitors.staff import Staff
from tests.load.soak.visitors.visitor import BRIEFING, NOTES

# Locust takes every name in this file that is a class of visitors, so no loop has one.
Guest.fixed_count = BRIEFING.crew["guest"]
Customer.fixed_count = BRIEFING.crew["customer"]
Staff.fixed_count = BRIEFING.crew["staff"]
Partner.fixed_count = BRIEFING.crew["partner"]


def prepare_to_write(environment: Environment, **_: Any) -> None:
    """Write it down once everybody has left, which is later than the end of the test."""
    events.quit.add_listener(lambda **_: _write_outcome(environment))


def _write_outcome(environment: Environment) -> None:
    runner, stats = environment.runner, environment.stats
    failures = [f"{e.name}: {e.error} ({e.occurrences} times)" for e in stats.errors.values()]
    crashes = runner.exceptions.values() if runner else ()
    failures += [f"a visitor stumbled, {e['count']} times: {e['traceback']}" for e in crashes]
    requests = [
        Requests(
            entry.name,
            entry.num_requests,
            entry.num_failures,
            round(entry.median_response_time),
            round(entry.get_response_time_percentile(0.95)),
        )
        for entry in sorted(stats.entries.values(), key=lambda entry: entry.name)
    ]
    write(Path(BRIEFING.outcome), Outcome(requests, dict(NOTES.refusals), NOTES.numbers, failures))


events.init.add_listener(prepare_to_write)
