"""Who runs in this sandbox: a lock for as long as a command works, and a note of its processes.

The lock is the kernel's (`flock`), so it is free again the moment its holder ends, even by
kill -9. The note, `.cartwreck/running.json`, can outlive its writer; it is believed only while
the lock is held, and otherwise names the leftovers to end.
"""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from scenarios.engine.refusal import AlreadyRunningError
from scenarios.engine.sandbox import Sandbox, read_facts, write_facts
from scenarios.engine.tether import SECONDS_TO_STOP


@dataclass(frozen=True)
class Note:
    """What a running `up` tells other commands about itself."""

    pid: int
    store: str
    world: str
    children: dict[str, int]


@contextmanager
def held(sandbox: Sandbox) -> Iterator[None]:
    """Hold the sandbox for one command.

    :raises AlreadyRunningError: when another command holds it.
    """
    with (sandbox.state / "up.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(_who_runs(sandbox)) from None
        yield


def write_note(sandbox: Sandbox, note: Note) -> None:
    """Leave the note for other commands."""
    write_facts(_path(sandbox), asdict(note))


def read_note(sandbox: Sandbox) -> Note | None:
    """Return the note, or nothing when there is none that can be understood."""
    return read_facts(_path(sandbox), Note)


def find_up(sandbox: Sandbox) -> Note | None:
    """Return the note of an `up` that runs; one that was killed has left its note too."""
    note = read_note(sandbox)
    return note if note and b" up " in _command_line(note.pid) + b" " else None


def remove_note(sandbox: Sandbox) -> None:
    """Take the note away."""
    _path(sandbox).unlink(missing_ok=True)


def end_leftovers(sandbox: Sandbox) -> list[str]:
    """End what an `up` that was killed has left running, and return its names.

    Only for the holder of the lock. They end by themselves as well (`tether.py`); waiting for
    them here is what makes their ports and the database free.
    """
    note = read_note(sandbox)
    children = note.children if note else {}
    left = {name: pid for name, pid in children.items() if _is_ours(pid, sandbox)}
    for number, seconds in ((signal.SIGTERM, SECONDS_TO_STOP), (signal.SIGKILL, 1.0)):
        for pid in left.values():
            if _is_ours(pid, sandbox):
                with suppress(ProcessLookupError):  # It may end between the two lines.
                    os.killpg(pid, number)
        deadline = time.monotonic() + seconds
        while any(_is_ours(pid, sandbox) for pid in left.values()) and time.monotonic() < deadline:
            time.sleep(0.02)
    remove_note(sandbox)
    return list(left)


def _is_ours(pid: int, sandbox: Sandbox) -> bool:
    # A pid alone proves nothing: the number may have been given to another program since.
    return os.fsencode(f"-m scenarios.engine.tether {sandbox.state} ") in _command_line(pid)


def _command_line(pid: int) -> bytes:
    if Path("/proc/self").exists():
        with suppress(FileNotFoundError, ProcessLookupError):
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        return b""
    # macOS has no /proc.
    command = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, check=False).stdout


def _who_runs(sandbox: Sandbox) -> str:
    note = read_note(sandbox)
    if note is None:
        return f"Another cartwreck command is at work in {sandbox.root}: wait until it is done."
    return (
        f"Cartwreck is already running here: the store at {note.store}, the outside world at "
        f"{note.world}. Stop it with Ctrl-C in its terminal (process {note.pid})."
    )


def _path(sandbox: Sandbox) -> Path:
    return sandbox.state / "running.json"
