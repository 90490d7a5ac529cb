"""One running program: its process, its log and its last lines."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import IO, BinaryIO, cast

from scenarios.engine.programs import Program
from scenarios.engine.sandbox import Sandbox
from scenarios.engine.screen import Screen

LAST_LINES = 15


class Log:
    """What a program prints, from its pipe to the screen and to a file."""

    def __init__(
        self, name: str, color: str, pipe: IO[bytes], sandbox: Sandbox, screen: Screen
    ) -> None:
        """Begin to read in a thread."""
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._name, self._color, self._pipe, self._screen = name, color, pipe, screen
        path = sandbox.logs / f"{name}.log"
        self._follower = threading.Thread(target=self._follow, args=(path,), daemon=True)
        self._follower.start()

    def read_rest(self) -> None:
        """Wait for the end of what is printed.

        Not for ever, since a process that it left behind may hold the pipe open.
        """
        self._follower.join(timeout=1.0)

    def _follow(self, path: Path) -> None:
        with self._pipe, path.open("ab", buffering=0) as file:
            for raw in self._pipe:
                self._keep(file, raw)
                text = raw.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
                self.last_lines.append(text)
                self._screen.line(self._name, self._color, text)

    def _keep(self, file: BinaryIO, raw: bytes) -> None:
        try:
            file.write(raw)
        except OSError as error:
            # The program would stop for ever at a full pipe if nobody read on.
            self._screen.say(f"{file.name} misses a line: {error.strerror}.", "bold red")


class Child:
    """A program from its start to its end."""

    def __init__(
        self,
        program: Program,
        sandbox: Sandbox,
        screen: Screen,
        tether: int,
        descriptors: Iterable[int] = (),
    ) -> None:
        """Start the program in a session of its own, so that Ctrl-C reaches only `up`."""
        self.name = program.name
        self.started_at = time.monotonic()
        self._process = subprocess.Popen(
            tethered_command(program, sandbox, tether),
            cwd=sandbox.root,
            env=program.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(*descriptors, *([tether] if tether >= 0 else [])),
            start_new_session=True,
        )
        self.pid: int | None = self._process.pid
        output = cast(IO[bytes], self._process.stdout)
        self.log = Log(program.name, program.color, output, sandbox, screen)

    @property
    def status(self) -> int | None:
        """Return how it ended, as `subprocess` gives it; nothing while it runs."""
        return self._process.poll()

    def read_rest(self) -> None:
        """Wait for the last lines of a program that has ended."""
        self.log.read_rest()

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the program and to what it started."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the program and what it started at once."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        # The child is the leader of its own session, so its pid is also its group's. Once it has
        # been waited for, the number may belong to somebody else.
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)


def tethered_command(program: Program, sandbox: Sandbox, tether: int) -> list[str]:
    """Return the command line that runs a program for as long as `up` lives."""
    own = [sys.executable, "-m", "scenarios.engine.tether", str(sandbox.state), str(tether)]
    return [*own, program.module, *program.arguments]


def ending_in_words(status: int) -> str:
    """Say how a process ended, from its return code as `subprocess` gives it."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"
