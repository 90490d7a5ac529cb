"""Keep a set of programs running: start, watch, restart, renew, stop."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from scenarios.engine.child import SECONDS_TO_STOP, Child, ending_in_words
from scenarios.engine.forks import Fork, Warm
from scenarios.engine.programs import FORKED, Program
from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import Sandbox, write_whole
from scenarios.engine.screen import Screen

QUICK_DEATHS = 5
QUICK_SECONDS = 10.0
SECONDS_TO_START = 30.0
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
        self._warm: Warm | None = None
        self._children: dict[str, Child | Fork] = {}
        # Until when those that were asked to stop may take to do it.
        self._leaving: dict[Child | Fork, float] = {}
        self._told: dict[str, int] = {}
        self._deaths: Counter[str] = Counter()
        self._due: dict[str, float] = {}

    def __enter__(self) -> Self:
        """Make the pipe that ties the programs' lives to this process."""
        self._tether, self._held = os.pipe()
        for name in (*self._programs, *FORKED):
            (self._sandbox.logs / f"{name}.log").write_bytes(b"")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything that runs, and the warm parent last, since it stops its children."""
        self.stop([name for name in self._children if name != "warm"])
        self.stop(["warm"])
        if self._warm:
            self._warm.close()
        os.close(self._tether)
        os.close(self._held)

    @property
    def is_over(self) -> bool:
        """Tell whether somebody asked to stop, or nobody is there to read any more."""
        return self.is_stopping or self._screen.is_gone

    def start_all(self) -> None:
        """Start every program, in order; the store and the worker start with `renew`."""
        self._start(self._programs)

    def renew(self) -> str | None:
        """Put a store and a worker of the code as it is now in the place of those that run.

        Those that run go on until the new ones are ready, and for good when these do not start;
        return the sentence of what prevented it.
        """
        is_first = not self._are_good()
        new = [self._fork(name, stay=is_first) for name in FORKED]
        self.watch(lambda: all(fork.is_settled for fork in new), SECONDS_TO_START)
        problem = next(filter(None, map(self._problem_of, new)), None)
        old: list[Child | Fork] = [*new]
        if problem is None or not self._are_good():
            old = [self._children.pop(name) for name in FORKED if name in self._children]
            self._adopt(new)
        self._retire(old)
        if problem:
            self._screen.say(problem, "bold red")
        else:
            self._sandbox.not_started.unlink(missing_ok=True)
        # The old store still answers what comes on connections that are open.
        self.watch(
            lambda: all(each.status is not None for each in old if each.name == "store"), 0.5
        )
        return problem

    def stop(self, names: Iterable[str]) -> None:
        """Stop programs by name, all at once, and wait until they are gone."""
        for name in names:
            self._due.pop(name, None)
        self._retire([self._children.pop(name) for name in names if name in self._children])
        self._look_after_leaving()
        while self._leaving:
            self._listen()
            self._look_after_leaving()

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
            self._listen()
        return False

    def last_lines(self, name: str) -> list[str]:
        """Return the end of what a program has printed."""
        child = self._children.get(name)
        return list(child.log.last_lines) if child else []

    def _are_good(self) -> bool:
        forks = [self._children.get(name) for name in FORKED]
        return all(isinstance(fork, Fork) and fork.is_good for fork in forks)

    def _start(self, names: Iterable[str]) -> None:
        for name in names:
            self._due.pop(name, None)
            self._retire([self._children.pop(name)] if name in self._children else [])
            if name in FORKED:
                self._children[name] = self._fork(name, stay=True)
            elif name == "warm":
                self._warm = Warm(self._programs[name], self._sandbox, self._screen)
                self._children[name] = self._warm
            else:
                program = self._programs[name]
                self._children[name] = Child(program, self._sandbox, self._screen, self._tether)

    def _fork(self, name: str, stay: bool) -> Fork:
        assert self._warm is not None  # noqa: S101  It is started first.
        return self._warm.fork(name, stay)

    def _adopt(self, forks: Iterable[Fork]) -> None:
        for fork in forks:
            self._children[fork.name] = fork
            self._due.pop(fork.name, None)

    def _retire(self, children: Iterable[Child | Fork]) -> None:
        for child in children:
            child.ask_to_stop()
            self._leaving[child] = time.monotonic() + SECONDS_TO_STOP

    def _listen(self) -> None:
        if self._warm:
            self._warm.listen(TICK_SECONDS)
        else:
            time.sleep(TICK_SECONDS)

    def _look_after_all(self) -> None:
        self._look_after_leaving()
        for name, child in list(self._children.items()):
            if child.status is not None and name not in self._due:
                self._plan_restart(child, child.status)
            elif isinstance(child, Fork) and child.problem and not child.is_told:
                self._screen.say(self._problem_of(child) or "", "bold red")
        now = time.monotonic()
        due = [name for name, moment in self._due.items() if moment <= now]
        self._start([*due, *FORKED] if "warm" in due else due)
        everyone = {**{f"old {each.name}": each for each in self._leaving}, **self._children}
        pids = {name: child.pid for name, child in everyone.items() if child.pid}
        if pids != self._told:
            self._on_change(pids)
            self._told = pids

    def _look_after_leaving(self) -> None:
        if self._warm and self._warm.status is not None:
            # Its children end by themselves, and come again with the next one.
            self._warm.close()
            for name in FORKED:
                self._children.pop(name, None)
                self._due.pop(name, None)
        for child, deadline in list(self._leaving.items()):
            if child.status is not None:
                del self._leaving[child]
                child.read_rest()
            elif time.monotonic() > deadline:
                self._screen.say(
                    f"The {child.name} did not stop within {SECONDS_TO_STOP:.0f} seconds "
                    "and was killed."
                )
                child.kill()
                self._leaving[child] = float("inf")

    def _problem_of(self, fork: Fork) -> str | None:
        """Say why it has not started, and leave it for others to read."""
        fork.is_told = True
        if fork.problem:
            return f"The {fork.name} does not start: {fork.problem}."
        if fork.is_good or self.is_over:
            return None
        how = "was not ready in time" if fork.status is None else ending_in_words(fork.status)
        problem = f"The {fork.name} does not start: {how}."
        write_whole(self._sandbox.not_started, f"{problem}\n")
        return problem

    def _plan_restart(self, child: Child | Fork, status: int) -> None:
        child.read_rest()
        name = child.name
        title = "warm parent" if name == "warm" else name
        is_quick = time.monotonic() - child.started_at < QUICK_SECONDS
        self._deaths[name] = self._deaths[name] + 1 if is_quick else 1
        if self._deaths[name] == QUICK_DEATHS:
            raise RefusedError(
                f"The {title} ended {QUICK_DEATHS} times within {QUICK_SECONDS:.0f} seconds of "
                f"starting ({ending_in_words(status)}), so everything is stopped. "
                f"Its log is {self._sandbox.logs / (name + '.log')}.",
                self.last_lines(name),
            )
        self._screen.say(
            f"The {title} ended ({ending_in_words(status)}): starting it again, "
            f"attempt {self._deaths[name]}.",
            "bold red",
        )
        self._due[name] = time.monotonic() + 0.25 * (self._deaths[name] - 1)
