"""Programs that can be killed at any moment and started again, with one log each."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SECONDS_TO_STOP = 10.0


class Program:
    """One Python module as a process; all its lives write to the same log."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        ready: str,
        environment: Mapping[str, str],
        folder: Path,
        tether: int,
    ) -> None:
        """Prepare; `tether` is a pipe whose closing ends the process when its starter is gone.

        :param ready: what the program prints once it has started.
        """
        self.name = name
        self.kills = 0
        self._ready = ready
        self._lives_ready = 0
        self.log = folder / f"{name}.log"
        self._command = [*(sys.executable, "-m", "tests.tether", str(tether)), *command]
        self._environment = dict(environment)
        self._tether = tether
        self._process: subprocess.Popen[bytes] | None = None
        # A kill must not come between the last stop and its wait.
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start a life of the program."""
        with self._lock, self.log.open("ab") as log:
            self._lives_ready = self.text.count(self._ready)
            self._process = subprocess.Popen(
                self._command,
                cwd=REPOSITORY,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(self._tether,),
                start_new_session=True,
            )

    def kill(self) -> None:
        """End it by SIGKILL, which it cannot notice."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._process.wait()
                self.kills += 1

    def stop(self) -> None:
        """Ask it to end, and kill it when it does not."""
        with self._lock:
            if self._process is None:
                return
            self._process.terminate()
            try:
                self._process.wait(SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def check_alive(self) -> None:
        """Make sure that it did not end by itself."""
        if self._process is not None and (status := self._process.poll()) is not None:
            raise RuntimeError(f"The {self.name} ended with status {status}:\n{self.last_lines}")

    @property
    def pid(self) -> int:
        """Return the id of its present process."""
        if self._process is None:
            raise RuntimeError(f"The {self.name} does not run.")
        return self._process.pid

    @property
    def is_ready(self) -> bool:
        """Tell whether its present life has come as far as to work."""
        return self.text.count(self._ready) > self._lives_ready

    @property
    def text(self) -> str:
        """Return all that it has printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def last_lines(self) -> str:
        """Return the end of what it has printed."""
        return "\n".join(self.text.splitlines()[-15:])


def poll(seconds: float, every: float = 0.05) -> Iterator[None]:
    """Go round a loop until the time is over: `for _ in poll(10): if is_ready(): break`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(every)
