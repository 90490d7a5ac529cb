"""What an attack is given and what it reports."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


class CannotRun(Exception):
    """This machine lacks something that an attack needs; the text says what."""


@dataclass(frozen=True)
class Wishes:
    """A folder of the attack's own, and what the command line has asked for."""

    folder: Path
    cases: int
    seed: int


@dataclass(frozen=True)
class Outcome:
    """How many cases were really sent, what is wrong, and what was measured on the way."""

    cases: int
    findings: tuple[str, ...]
    measured: str = ""


Attack = Callable[[Wishes], Outcome]


@dataclass(frozen=True)
class Result:
    """One attack on the list; without an outcome it was not run, and `why` says for what reason."""

    name: str
    outcome: Outcome | None
    seconds: float = 0.0
    why: str = ""

    @property
    def is_broken(self) -> bool:
        """Tell whether the attack has found something."""
        return self.outcome is not None and bool(self.outcome.findings)

    def __str__(self) -> str:
        """Say it in one line, and each finding in one more."""
        if self.outcome is None:
            return f"{self.name:7} not run: {self.why}"
        done = self.outcome
        line = (
            f"{self.name:7} {done.cases} cases, {len(done.findings)} findings, {self.seconds:.0f} s"
        )
        measured = f": {done.measured}" if done.measured else ""
        return "\n".join([line + measured, *(f"  FINDING {each}" for each in done.findings)])
