"""One running program: its process, its log and its last lines."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import IO, BinaryIO, cast

from scenarios.engine.programs import Program
from scenarios.engine.sandbox import Sandbox
from scenarios.engine.screen import Screen

LAST_LINES = 15
SECONDS_TO_STOP = 5.0


class Child:
    """A program from its start to its end."""

    def __init__(self, program: Program, sandbox: Sandbox, screen: Screen, tether: int) -> None:
        """Start the program in a session of its own, so that Ctrl-C reaches only `up`."""
        self.program = program
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._screen = screen
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            tethered_command(program, sandbox, tether),
            cwd=sandbox.root,
            env=program.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(tether,),
            start_new_session=True,
        )
        log = sandbox.logs / f"{program.name}.log"
        self._follower = threading.Thread(target=self._follow, args=(log,), daemon=True)
        self._follower.start()

    @property
    def age(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self.started_at

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the program and to what it started."""
        self._signal(signal.SIGTERM)

    def wait_or_kill(self, deadline: float) -> bool:
        """Wait until the deadline, then kill; tell whether the program ended by itself."""
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
            ended = True
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self.process.wait()
            ended = False
        self.read_rest()
        return ended

    def read_rest(self) -> None:
        """Wait for the last lines of a program that has ended.

        Not for ever, since a process that it left behind may hold the pipe open.
        """
        self._follower.join(timeout=1.0)

    def _signal(self, number: int) -> None:
        # The child is the leader of its own session, so its pid is also its group's. Once it has
        # been waited for, the number may belong to somebody else.
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def _follow(self, log: Path) -> None:
        output = cast(IO[bytes], self.process.stdout)
        with output, log.open("ab", buffering=0) as file:
            for raw in output:
                self._keep(file, raw)
                text = raw.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
                self.last_lines.append(text)
                self._screen.line(self.program.name, self.program.color, text)

    def _keep(self, file: BinaryIO, raw: bytes) -> None:
        try:
            file.write(raw)
        except OSError as error:
            # The program would stop for ever at a full pipe if nobody read on.
            self._screen.say(f"{file.name} misses a line: {error.strerror}.", "bold red")


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
