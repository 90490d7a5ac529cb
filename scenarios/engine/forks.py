"""The warm parent and its children, as `up` sees them."""

import json
import os
import select
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace

from scenarios.engine.child import Child, Log
from scenarios.engine.programs import FORKED, Program
from scenarios.engine.sandbox import Sandbox
from scenarios.engine.screen import Screen

LOST = -9


@dataclass(eq=False)
class Fork:
    """A store or a worker, as far as the warm parent has told of it."""

    name: str
    number: int
    warm: "Warm"
    log: Log
    pid: int | None = None
    is_ready: bool = False
    problem: str | None = None
    status: int | None = None
    is_told: bool = False
    started_at: float = field(default_factory=time.monotonic)

    @property
    def is_settled(self) -> bool:
        """Tell whether it has started or failed to."""
        return self.is_ready or self.problem is not None or self.status is not None

    @property
    def is_good(self) -> bool:
        """Tell whether it has started with the code that it should run, and still runs."""
        return self.is_ready and self.problem is None and self.status is None

    def read_rest(self) -> None:
        """Do nothing: those that come after it print into the same pipe."""

    def ask_to_stop(self) -> None:
        """Send SIGTERM to it and to what it started."""
        self.warm.order(f"TERM {self.number}")

    def kill(self) -> None:
        """End it and what it started at once."""
        self.warm.order(f"KILL {self.number}")


class Warm(Child):
    """The process of `warm.py`, with the pipes to it and from it."""

    def __init__(self, program: Program, sandbox: Sandbox, screen: Screen) -> None:
        """Start it."""
        control, self._control = os.pipe()
        self._told, status = os.pipe()
        pipes = {name: os.pipe() for name in FORKED}
        outputs = {name: writing for name, (_, writing) in pipes.items()}
        role = json.loads(program.arguments[0])
        role |= {"control": control, "status": status, "outputs": outputs}
        ends = (control, status, *outputs.values())
        super().__init__(replace(program, arguments=(json.dumps(role),)), sandbox, screen, -1, ends)
        for end in ends:
            os.close(end)
        self._logs = {
            name: Log(name, FORKED[name], os.fdopen(reading, "rb"), sandbox, screen)
            for name, (reading, _) in pipes.items()
        }
        self._forks: dict[int, Fork] = {}
        self._count = 0
        self._part = b""

    def fork(self, name: str, stay: bool) -> Fork:
        """Ask for a store or a worker; what becomes of it shows when `listen` is called."""
        self._count += 1
        fork = Fork(name, self._count, self, self._logs[name])
        self._forks[self._count] = fork
        if self._told < 0:
            fork.status = LOST
        self.order(f"fork {self._count} {name} {stay}")
        return fork

    def order(self, command: str) -> None:
        """Send a command; a parent that is gone has no children left to command."""
        with suppress(BrokenPipeError):
            if self._told >= 0:
                os.write(self._control, f"{command}\n".encode())

    def listen(self, seconds: float) -> bool:
        """Take in what is told within this time; tell whether it was anything."""
        if self._told < 0:
            time.sleep(seconds)
        elif select.select([self._told], [], [], seconds)[0]:
            *lines, self._part = (self._part + (told := os.read(self._told, 65536))).split(b"\n")
            for line in lines:
                self._note(*line.decode().split(" ", 2))
            if not told:
                self.close()
            return True
        return False

    def close(self) -> None:
        """Close the pipes, which ends the parent and its children if they run."""
        if self._told >= 0:
            os.close(self._told)
            os.close(self._control)
            self._told = -1
            for log in self._logs.values():
                log.read_rest()
        for fork in self._forks.values():
            fork.status = LOST

    def _note(self, number: str, what: str, detail: str = "") -> None:
        fork = self._forks[int(number)]
        if what == "pid":
            fork.pid = int(detail)
        elif what == "ready":
            fork.is_ready = True
        elif what == "failed":
            fork.problem = detail
        else:
            del self._forks[fork.number]
            fork.status = int(detail)
