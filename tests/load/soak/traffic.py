"""Locust as a process of its own, for as long as a run lasts."""

import os
import subprocess
import sys
from pathlib import Path

from tests.load.programs import REPOSITORY
from tests.load.soak.briefing import VARIABLE, Briefing, Outcome, read_outcome, write

_VISITORS = "tests/load/soak/visitors/locustfile.py"
# How long those who are in the middle of something may take to finish it, and all of them to leave.
_SECONDS_TO_FINISH = 30
_SECONDS_TO_LEAVE = 60


def send_visitors(briefing: Briefing, seconds: float, folder: Path) -> Outcome:
    """Let the visitors come for so many seconds; return what they saw.

    :raises RuntimeError: when they did not write it down.
    """
    file, log = folder / "briefing.json", folder / "locust.log"
    write(file, briefing)
    options = {
        "--locustfile": _VISITORS,
        "--users": str(briefing.shoppers),
        "--spawn-rate": str(max(1, briefing.shoppers // 3)),
        "--run-time": f"{seconds:.0f}s",
        "--stop-timeout": f"{_SECONDS_TO_FINISH}s",
        "--loglevel": "WARNING",
        "--exit-code-on-error": "0",
    }
    command = [sys.executable, "-m", "locust", "--headless", "--only-summary"]
    command += [text for option in options.items() for text in option]
    with log.open("wb") as output:
        subprocess.run(
            command,
            cwd=REPOSITORY,
            env=os.environ | {VARIABLE: str(file)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=seconds + _SECONDS_TO_FINISH + _SECONDS_TO_LEAVE,
            check=False,
        )
    outcome = Path(briefing.outcome)
    if not outcome.exists():
        last = "\n".join(log.read_text("utf-8", "replace").splitlines()[-15:])
        raise RuntimeError(f"Locust wrote nothing down:\n{last}")
    return read_outcome(outcome)
