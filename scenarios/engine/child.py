"""One program of `up`, from its start to its end: its process, its log and its last lines."""

import os
import signal
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

from scenarios.engine.forking import CONTEXT
from scenarios.engine.programs import Program
from scenarios.engine.sandbox import Sandbox
from scenarios.engine.screen import Screen
from scenarios.engine.tether import become

LAST_LINES = 15


class Child:
    """A program of `up` that was started."""

    def __init__(self, program: Program, sandbox: Sandbox, screen: Screen, stay: bool) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches only `up`."""
        self.name = program.name
        self.started_at = time.monotonic()
        self.is_ready = False
        self.problem: str | None = None
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._news, telling = CONTEXT.Pipe(duplex=False)
        self._output, printing = CONTEXT.Pipe(duplex=False)
        given = (program, printing, telling, stay)
        self._process = CONTEXT.Process(target=become, args=given, daemon=True)
        self._process.start()
        for end in (telling, printing):
            end.close()
        self.pid = self._process.pid or 0
        self._color, self._screen = program.color, screen
        log = (sandbox.logs / f"{self.name}.log",)
        self._follower = threading.Thread(target=self._follow, args=log, daemon=True)
        self._follower.start()

    @property
    def status(self) -> int | None:
        """Return how it ended, as `subprocess` gives it; nothing while it runs."""
        return self._process.exitcode

    @property
    def is_good(self) -> bool:
        """Tell whether it has started with the code that it should run, and still runs."""
        return self.is_ready and self.problem is None and self.status is None

    def listen(self) -> bool:
        """Take in what it has told; tell whether it has started or failed to."""
        with suppress(EOFError, OSError):
            while self._news.poll():
                if why := self._news.recv():
                    self.fail(why)
                else:
                    self.is_ready = True
        return self.is_ready or self.problem is not None or self.status is not None

    def fail(self, why: str) -> None:
        """Say why it has not started."""
        self.problem = why
        self._screen.say(f"The {self.name} does not start: {why}.", "bold red")

    def signal(self, number: int) -> None:
        """Send a signal to it and to what it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def bury(self) -> None:
        """End what it has left behind, and wait for its last lines, once it has ended.

        Not for ever, since a process that went to a session of its own may hold the pipe open.
        """
        self.signal(signal.SIGKILL)
        self._follower.join(timeout=1.0)

    def _follow(self, path: Path) -> None:
        with os.fdopen(os.dup(self._output.fileno()), "rb") as pipe, path.open("ab", 0) as file:
            for raw in pipe:
                try:
                    file.write(raw)
                except OSError as error:
                    # The program would stop for ever at a full pipe if nobody read on.
                    self._screen.say(f"{path.name} misses a line: {error.strerror}.", "bold red")
                text = raw.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
                self.last_lines.append(text)
                self._screen.line(self.name, self._color, text)
