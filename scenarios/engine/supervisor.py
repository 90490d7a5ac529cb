"""Keep a set of programs running: start, watch, restart, renew, stop."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from scenarios.engine.child import Child, ending_in_words
from scenarios.engine.forks import Fork, Warm
from scenarios.engine.programs import FORKED, RENEWED, Program
from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import Sandbox, write_whole
from scenarios.engine.screen import Screen
from scenarios.engine.tether import SECONDS_TO_STOP

QUICK_DEATHS = 5
QUICK_SECONDS = 10.0
SECONDS_TO_START = 30.0
SECONDS_TO_LEAVE = 0.5
TICK_SECONDS = 0.02


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
        self._warm_parent: Warm
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
        os.close(self._tether)
        os.close(self._held)

    @property
    def is_over(self) -> bool:
        """Tell whether somebody asked to stop, or nobody is there to read any more."""
        return self.is_stopping or self._screen.is_gone

    def start_all(self) -> None:
        """Start every program, in order; the store and the worker start with `renew`."""
        self.start(self._programs)

    def renew(self) -> str | None:
        """Put a store and a worker of the code as it is now in the place of those that run.

        Each that runs goes on until the new one is ready, and for good when that does not start;
        return the sentence of what prevented it.
        """
        news = [self._warm_parent.fork(name, stay=not self._is_good(name)) for name in RENEWED]
        olds = list[Child | Fork]()
        for nth, new in enumerate(news):
            problem = self._settle(new)
            if problem and self._is_good(new.name):
                self._retire([new])
            else:
                replaced = [self._children.pop(new.name)] if new.name in self._children else []
                self._retire(replaced)
                olds += replaced
                self._children[new.name] = new
                self._due.pop(new.name, None)
            if problem:
                self._retire(news[nth + 1 :])
                return problem
        self._sandbox.not_started.unlink(missing_ok=True)
        # For a moment they still answer what comes on connections that are open.
        self.watch(lambda: all(old.status is not None for old in olds), SECONDS_TO_LEAVE)
        self._look_after_all()
        return None

    def _settle(self, new: Fork) -> str | None:
        """Wait until it has started; return the sentence of what prevented it."""
        self.watch(lambda: new.is_settled, SECONDS_TO_START)
        return self._tell_problem_of(new)

    def _is_good(self, name: str) -> bool:
        child = self._children.get(name)
        return isinstance(child, Fork) and child.is_good

    def stop(self, names: Iterable[str]) -> None:
        """Stop programs by name, all at once, and wait until they are gone."""
        for name in names:
            self._due.pop(name, None)
        self._retire([self._children.pop(name) for name in names if name in self._children])
        while self._leaving:
            self._warm_parent.listen(TICK_SECONDS)
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
            self._warm_parent.listen(TICK_SECONDS)
        return False

    def last_lines(self, name: str) -> list[str]:
        """Return the end of what a program has printed."""
        child = self._children.get(name)
        return list(child.log.last_lines) if child else []

    def start(self, names: Iterable[str]) -> None:
        """Start programs by name, in the place of those that have ended."""
        for name in names:
            self._due.pop(name, None)
            self._retire([self._children.pop(name)] if name in self._children else [])
            if name in FORKED:
                self._children[name] = self._warm_parent.fork(name, stay=True)
            elif name == "warm":
                self._warm_parent = Warm(self._programs[name], self._sandbox, self._screen)
                self._children[name] = self._warm_parent
            else:
                program = self._programs[name]
                self._children[name] = Child(program, self._sandbox, self._screen, self._tether)

    def _retire(self, children: Iterable[Child | Fork]) -> None:
        for child in children:
            child.ask_to_stop()
            self._leaving[child] = time.monotonic() + SECONDS_TO_STOP

    def _look_after_all(self) -> None:
        self._look_after_leaving()
        for name, child in list(self._children.items()):
            if child.status is not None and name not in self._due:
                self._plan_restart(child, child.status)
            elif isinstance(child, Fork) and child.problem and not child.is_told:
                self._tell_problem_of(child)
        now = time.monotonic()
        due = [name for name, moment in self._due.items() if moment <= now]
        self.start([*due, *FORKED] if "warm" in due else due)
        everyone = {**{f"old {each.name}": each for each in self._leaving}, **self._children}
        pids = {name: child.pid for name, child in everyone.items() if child.pid}
        if pids != self._told:
            self._on_change(pids)
            self._told = pids

    def _look_after_leaving(self) -> None:
        if self._warm_parent.status is not None:
            # Its children end by themselves, and come again with the next one.
            self._warm_parent.close()
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

    def _tell_problem_of(self, fork: Fork) -> str | None:
        """Say why it has not started, if so, and leave it for others to read."""
        if fork.is_good or self.is_over:
            return None
        fork.is_told = True
        why = fork.problem
        if why is None:
            how = "is not ready in time" if fork.status is None else ending_in_words(fork.status)
            why = f"{how}, and its log may say why"
            write_whole(self._sandbox.not_started, f"The {fork.name}: {why}.\n")
        problem = f"The {fork.name} does not start: {why}."
        self._screen.say(problem, "bold red")
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
