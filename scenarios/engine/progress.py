"""What the learner has done: a log with an event a line, and what it comes to for each scenario.

The log counts. What it comes to is also left in `progress.json`, for people and for other programs.
"""

import json
from collections import defaultdict
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from scenarios.engine.sandbox import Sandbox, write_facts

STEPS = ("proved", "found", "fixed", "explained")


@dataclass
class Progress:
    """How far somebody has got with one scenario; moments are ISO 8601 in UTC.

    `hints` and `tries` are counts, `steps` the moments at which each of the four was done.
    """

    started_at: str = ""
    hints: int = 0
    tries: dict[str, int] = field(default_factory=dict)
    steps: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """How far it is, in a word."""
        return "solved" if "fixed" in self.steps else "started" if self.started_at else ""

    def add(self, event: str, at: str, rung: int = 0, right: bool = False, **_facts: Any) -> None:
        """Count an event of the log."""
        if event == "started":
            self.started_at = self.started_at or at
        elif event == "hint":
            self.hints = max(self.hints, rung)
        else:
            self.tries[event] = self.tries.get(event, 0) + 1
            if right:
                self.steps.setdefault(event, at)


def read_progress(sandbox: Sandbox) -> defaultdict[str, Progress]:
    """Return the progress with every scenario that was started; a damaged line counts as none."""
    every = defaultdict[str, Progress](Progress)
    log = sandbox.events
    for line in log.read_text("utf-8", "replace").splitlines() if log.exists() else ():
        with suppress(ValueError, TypeError, KeyError):
            event = json.loads(line)
            every[event.pop("slug")].add(**event)
    return every


def note_event(sandbox: Sandbox, slug: str, event: str, **facts: Any) -> None:
    """Add to the log: `started`, a `hint` with its `rung`, or a step and whether it was `right`."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    line = json.dumps({"at": now, "slug": slug, "event": event, **facts})
    log = sandbox.events
    # A line that was cut off, as by a full disk, must not spoil this one.
    is_cut_off = log.exists() and not log.read_bytes().endswith(b"\n")
    with log.open("a", encoding="utf-8") as file:
        file.write("\n" * is_cut_off + line + "\n")
    every = {name: asdict(each) for name, each in read_progress(sandbox).items()}
    write_facts(sandbox.state / "progress.json", every)
