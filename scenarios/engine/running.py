"""Who runs in this sandbox: a lock for as long as a command works, and a note of a running `up`.

The lock is the kernel's (`flock`). The programs of an `up` hold it too, so it is free again once
the last of them has ended, even after kill -9. The note, `.cartwreck/running.json`, can outlive
its writer; it is believed only while somebody answers at its address.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Client
from typing import IO

from scenarios.engine.refusal import AlreadyRunningError
from scenarios.engine.sandbox import Sandbox, read_facts

SECONDS_TO_WAIT = 10.0


@dataclass(frozen=True)
class Note:
    """What a running `up` tells other commands about itself."""

    pid: int
    store: str
    world: str
    # Where it takes questions, see `asking.py`.
    address: str
    children: dict[str, int]


@contextmanager
def held(sandbox: Sandbox, seconds: float = SECONDS_TO_WAIT) -> Iterator[IO[str]]:
    """Hold the sandbox for one command; another that does not run for long is waited for.

    :raises AlreadyRunningError: when another command holds it.
    """
    with (sandbox.state / "up.lock").open("w") as file:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if (note := find_up(sandbox)) or time.monotonic() > deadline:
                    raise AlreadyRunningError(_who_runs(sandbox, note)) from None
                time.sleep(0.02)
        yield file


def find_up(sandbox: Sandbox) -> Note | None:
    """Return the note of an `up` that runs; one that was killed has left its note too."""
    if note := read_facts(sandbox.note, Note):
        with suppress(OSError):
            Client(note.address).close()
            return note
    return None


def _who_runs(sandbox: Sandbox, note: Note | None) -> str:
    if note is None:
        return f"Another cartwreck command is at work in {sandbox.root}: wait until it is done."
    return (
        f"Cartwreck runs here already, at {note.store}: stop it with Ctrl-C (process {note.pid})."
    )
