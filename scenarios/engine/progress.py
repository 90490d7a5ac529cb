"""What the learner has done, one readable file keyed by slug, and a log of events beside it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from scenarios.engine.sandbox import Sandbox, write_whole

STEPS = ("proved", "found", "fixed", "explained")


@dataclass(frozen=True)
class Progress:
    """How far somebody has got with one scenario; moments are ISO 8601 in UTC.

    `hints` and `tries` are counts, `steps` the moments at which each of the four was done.
    """

    started_at: str = ""
    hints: int = 0
    tries: Mapping[str, int] = field(default_factory=dict)
    steps: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_solved(self) -> bool:
        """Whether a fix was confirmed."""
        return "fixed" in self.steps

    @property
    def state(self) -> str:
        """How far it is, in a word."""
        return "solved" if self.is_solved else "started" if self.started_at else ""


def read_progress(sandbox: Sandbox) -> dict[str, Progress]:
    """Return the progress with every scenario that was started; a damaged file counts as empty."""
    try:
        facts = json.loads((sandbox.state / "progress.json").read_text("utf-8"))
        return {slug: Progress(**each) for slug, each in facts.items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return {}


def note_start(sandbox: Sandbox, slug: str) -> None:
    """Note the first start of a scenario."""
    own = read_progress(sandbox).get(slug, Progress())
    _keep(sandbox, slug, replace(own, started_at=own.started_at or _now()), "started")


def note_hint(sandbox: Sandbox, slug: str, rung: int) -> None:
    """Note that a rung of the ladder was shown."""
    own = read_progress(sandbox).get(slug, Progress())
    _keep(sandbox, slug, replace(own, hints=max(own.hints, rung)), "hint", rung=rung)


def note_try(sandbox: Sandbox, slug: str, step: str, is_right: bool, **facts: Any) -> None:
    """Count a try at one of the four steps, and note its success."""
    own = read_progress(sandbox).get(slug, Progress())
    tries = {**own.tries, step: own.tries.get(step, 0) + 1}
    steps = {**own.steps, **({step: own.steps.get(step, _now())} if is_right else {})}
    _keep(sandbox, slug, replace(own, tries=tries, steps=steps), step, right=is_right, **facts)


def _keep(sandbox: Sandbox, slug: str, own: Progress, event: str, **facts: Any) -> None:
    every = {name: asdict(each) for name, each in read_progress(sandbox).items()}
    write_whole(
        sandbox.state / "progress.json", json.dumps({**every, slug: asdict(own)}, indent=2) + "\n"
    )
    line = {"at": _now(), "slug": slug, "event": event, **facts}
    with (sandbox.state / "events.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
