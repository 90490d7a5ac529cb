"""Keep a set of programs running: start, watch, restart, renew, stop."""

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable

from scenarios.engine.child import Child
from scenarios.engine.programs import RENEWED, Program
from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import Sandbox, write_whole
from scenarios.engine.screen import Screen
from scenarios.engine.tether import SECONDS_TO_STOP

QUICK_DEATHS = 5
QUICK_SECONDS = 10.0
SECONDS_TO_START = 30.0
SECONDS_TO_LEAVE = 0.5
TICK_SECONDS = 0.01


class Supervisor:
    """Owner of all processes of one `up`."""

    def __init__(
        self,
        programs: Iterable[Program],
        sandbox: Sandbox,
        screen: Screen,
        on_change: Callable[[dict[str, int]], None],
    ) -> None:
        """Empty the logs, start nothing; `on_change` is told the pids whenever they change."""
        self.is_stopping = False
        self._programs = {program.name: program for program in programs}
        self._sandbox = sandbox
        self._screen = screen
        self._on_change = on_change
        self._children: dict[str, Child] = {}
        # Until when those that were asked to stop may take to do it.
        self._leaving: dict[Child, float] = {}
        self._told: dict[str, int] = {}
        self._deaths: Counter[str] = Counter()
        for name in self._programs:
            (sandbox.logs / f"{name}.log").write_bytes(b"")

    @property
    def is_over(self) -> bool:
        """Tell whether somebody asked to stop, or nobody is there to read any more."""
        return self.is_stopping or self._screen.is_gone

    def start(self, name: str) -> None:
        """Start a program, in the place of one that has ended."""
        self._children[name] = Child(self._programs[name], self._sandbox, self._screen, stay=True)

    def renew(self) -> str | None:
        """Put a store and a worker of the code as it is now in the place of those that run.

        Each that runs goes on until the new one is ready, and for good when that does not start;
        return the sentence of what prevented it.
        """
        own = (self._sandbox, self._screen)
        news = [Child(self._programs[n], *own, stay=not self._is_good(n)) for n in RENEWED]
        olds = list[Child]()
        for nth, new in enumerate(news):
            self.watch(new.listen, SECONDS_TO_START)
            problem = self._problem_of(new)
            if problem and self._is_good(new.name):
                self._retire([new])
            else:
                olds += self._take_out([new.name])
                self._children[new.name] = new
            if problem:
                self._retire(news[nth + 1 :])
                return problem
        self._sandbox.not_started.unlink(missing_ok=True)
        # For a moment they still answer what comes on connections that are open.
        self.watch(lambda: all(old.status is not None for old in olds), SECONDS_TO_LEAVE)
        self._look_after_all()
        return None

    def close(self) -> None:
        """Stop everything that runs."""
        self.stop(list(self._children))

    def stop(self, names: Iterable[str]) -> None:
        """Stop programs by name, all at once, and wait until they are gone."""
        self._take_out(names)
        while self._leaving:
            time.sleep(TICK_SECONDS)
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
            time.sleep(TICK_SECONDS)
        return False

    def _is_good(self, name: str) -> bool:
        return name in self._children and self._children[name].is_good

    def _take_out(self, names: Iterable[str]) -> list[Child]:
        """Ask programs to stop that are not to come again."""
        gone = [self._children.pop(name) for name in names if name in self._children]
        self._retire(gone)
        return gone

    def _retire(self, children: Iterable[Child]) -> None:
        for child in children:
            child.signal(signal.SIGTERM)
            self._leaving[child] = time.monotonic() + SECONDS_TO_STOP

    def _look_after_all(self) -> None:
        self._look_after_leaving()
        for child in list(self._children.values()):
            if child.listen() and child.status is not None:
                self._restart(child, child.status)
        everyone = {**{f"old {each.name}": each for each in self._leaving}, **self._children}
        pids = {name: child.pid for name, child in everyone.items() if child.status is None}
        if pids != self._told:
            self._on_change(pids)
            self._told = pids

    def _look_after_leaving(self) -> None:
        for child, deadline in list(self._leaving.items()):
            if child.status is not None:
                del self._leaving[child]
                child.bury()
            elif time.monotonic() > deadline:
                self._screen.say(
                    f"The {child.name} did not stop within {SECONDS_TO_STOP:.0f} seconds "
                    "and was killed."
                )
                child.signal(signal.SIGKILL)
                self._leaving[child] = float("inf")

    def _problem_of(self, child: Child) -> str | None:
        """Return why it has not started, if so, and leave it for others to read."""
        if child.is_good or self.is_over:
            return None
        if child.problem is None:
            how = "is not ready in time" if child.status is None else in_words(child.status)
            child.fail(f"{how}, and its log may say why")
            write_whole(self._sandbox.not_started, f"The {child.name}: {child.problem}.\n")
        return f"The {child.name} does not start: {child.problem}."

    def _restart(self, child: Child, status: int) -> None:
        child.bury()
        name = child.name
        is_quick = time.monotonic() - child.started_at < QUICK_SECONDS
        self._deaths[name] = self._deaths[name] + 1 if is_quick else 1
        if self._deaths[name] == QUICK_DEATHS:
            raise RefusedError(
                f"The {name} ended {QUICK_DEATHS} times within {QUICK_SECONDS:.0f} seconds of "
                f"starting ({in_words(status)}), so everything is stopped. "
                f"Its log is {self._sandbox.logs / (name + '.log')}.",
                list(child.last_lines),
            )
        self._screen.say(
            f"The {name} ended ({in_words(status)}): starting it again, "
            f"attempt {self._deaths[name]}.",
            "bold red",
        )
        self.start(name)


def in_words(status: int) -> str:
    """Say how a process ended, from its return code as `subprocess` gives it."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"
