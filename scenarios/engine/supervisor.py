"""Keep a set of programs running: start, watch, restart, stop."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from scenarios.engine.child import SECONDS_TO_STOP, Child, ending_in_words
from scenarios.engine.programs import Program
from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import Sandbox
from scenarios.engine.screen import Screen

QUICK_DEATHS = 5
QUICK_SECONDS = 10.0
TICK_SECONDS = 0.05


class Supervisor:
    """Owner of all processes of one `up`; leaving its `with` block stops them."""

    def __init__(
        self,
        programs: Iterable[Program],
        sandbox: Sandbox,
        screen: Screen,
        on_change: Callable[[dict[str, int]], None],
    ) -> None:
        """Prepare, start nothing; `on_change` is told the pids whenever they change."""
        self.is_stopping = False
        self._programs = {program.name: program for program in programs}
        self._sandbox = sandbox
        self._screen = screen
        self._on_change = on_change
        self._children: dict[str, Child] = {}
        self._deaths: Counter[str] = Counter()
        self._due: dict[str, float] = {}

    def __enter__(self) -> Self:
        """Make the pipe that ties the programs' lives to this process."""
        self._tether, self._held = os.pipe()
        for name in self._programs:
            (self._sandbox.logs / f"{name}.log").write_bytes(b"")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything that runs."""
        self.stop(self._programs)
        os.close(self._tether)
        os.close(self._held)

    @property
    def is_over(self) -> bool:
        """Tell whether somebody asked to stop, or nobody is there to read any more."""
        return self.is_stopping or self._screen.is_gone

    def start_all(self) -> None:
        """Start every program, in order."""
        self.start(self._programs)

    def start(self, names: Iterable[str]) -> None:
        """Start programs by name."""
        for name in names:
            self._due.pop(name, None)
            self._children[name] = Child(
                self._programs[name], self._sandbox, self._screen, self._tether
            )
        self._tell()

    def stop(self, names: Iterable[str]) -> None:
        """Stop programs by name, all at once, and wait until they are gone."""
        stopping = [self._children.pop(name) for name in names if name in self._children]
        for child in stopping:
            child.ask_to_stop()
        deadline = time.monotonic() + SECONDS_TO_STOP
        for child in stopping:
            if not child.wait_or_kill(deadline):
                self._screen.say(
                    f"The {child.program.name} did not stop within {SECONDS_TO_STOP:.0f} seconds "
                    "and was killed."
                )
        for name in names:
            self._due.pop(name, None)

    def watch(self, until: Callable[[], bool], seconds: float = float("inf")) -> bool:
        """Restart what dies until the condition holds; tell whether it came to hold.

        It ends early when the time is over or when somebody asked to stop.

        :raises RefusedError: when a program dies again and again.
        """
        deadline = time.monotonic() + seconds
        while not self.is_over and time.monotonic() < deadline:
            self._look_after_all()
            if until():
                return True
            time.sleep(TICK_SECONDS)
        return False

    def last_lines(self, name: str) -> list[str]:
        """Return the end of what a program has printed."""
        child = self._children.get(name)
        return list(child.last_lines) if child else []

    def _look_after_all(self) -> None:
        for name, child in list(self._children.items()):
            status = child.process.poll()
            if status is not None and name not in self._due:
                self._plan_restart(child, status)
        now = time.monotonic()
        if due := [name for name, moment in self._due.items() if moment <= now]:
            self.start(due)

    def _plan_restart(self, child: Child, status: int) -> None:
        child.read_rest()
        name = child.program.name
        self._deaths[name] = self._deaths[name] + 1 if child.age < QUICK_SECONDS else 1
        if self._deaths[name] == QUICK_DEATHS:
            raise RefusedError(
                f"The {name} ended {QUICK_DEATHS} times within {QUICK_SECONDS:.0f} seconds of "
                f"starting ({ending_in_words(status)}), so everything is stopped. "
                f"Its log is {self._sandbox.logs / (name + '.log')}.",
                list(child.last_lines),
            )
        self._screen.say(
            f"The {name} ended ({ending_in_words(status)}): starting it again, "
            f"attempt {self._deaths[name]}.",
            "bold red",
        )
        self._due[name] = time.monotonic() + 0.25 * (self._deaths[name] - 1)

    def _tell(self) -> None:
        self._on_change({name: child.process.pid for name, child in self._children.items()})
