"""Thousands of cases against the API, counted in the store's log, which knows what has arrived."""

import re
import subprocess

from scenarios.engine.sandbox import Sandbox
from tests.attacks.outcomes import Outcome, Wishes
from tests.browser.running_store import run_store
from tests.fuzz.api import fuzz

# Of so many examples per operation and phase about as many cases come as were asked for: what the
# document leaves no room for comes with fewer, and a walk along its links has several steps.
_CASES_PER_EXAMPLE = 12


def attack_api(wishes: Wishes) -> Outcome:
    """Let schemathesis ask until so many cases have arrived, with another seed each round."""
    found: list[str] = []
    seed, cases = wishes.seed, 0
    with run_store(wishes.folder) as store:
        log = Sandbox(wishes.folder).logs / "store.log"
        while cases < wishes.cases and not found:
            examples = max((wishes.cases - cases) // _CASES_PER_EXAMPLE, 8)
            done = fuzz(store, wishes.folder, examples, seed, subprocess.PIPE)
            before, cases = cases, log.read_bytes().count(b'"path": "/api/v1/')
            assert cases > before, f"Schemathesis sent nothing:\n{done.stdout.decode()}"
            found, seed = read_findings(done.returncode, done.stdout.decode()), seed + 1
    return Outcome(cases, tuple(found), f"seeds {wishes.seed} to {seed - 1}")


def read_findings(status: int, output: str) -> list[str]:
    """Return what schemathesis has found wrong, and with which requests, as it says so itself."""
    if not status:
        return []
    _, _, failures = output.partition(" FAILURES ")
    cases = re.split(r"^\d+\. Test Case ID: ", failures, flags=re.MULTILINE)[1:]
    return cases or [f"schemathesis ended with {status}: {output[-2000:]}"]
