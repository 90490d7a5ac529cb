"""A run of tests in a process that is not trusted, with a keeper between it and who has asked.

The keeper ends the run when whoever asked hangs up or has said enough, and then all that the run
has left: on Linux the processes that lose their parent become the keeper's.
"""

import ctypes
import os
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event

TICK = 0.02
_MOST_PROCESSES = 50
_DIES_WITH_PARENT, _ADOPTS = 1, 36  # PR_SET_PDEATHSIG and PR_SET_CHILD_SUBREAPER, of Linux.


@dataclass(frozen=True)
class Order:
    """A run of `scenarios.kit.guarded`: its arguments, and all that its process is given.

    `path` comes first on the module path, and what is printed goes to the file `log`.
    """

    arguments: tuple[str, ...]
    folder: str
    path: tuple[str, ...]
    environment: Mapping[str, str]
    log: str


def keep(line: Connection, order: Order) -> None:
    """Carry out an order; send whether the run ended by itself, once nothing of it is left."""
    os.setsid()
    asked_to_stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: asked_to_stop.set())
    _ask_linux(_ADOPTS, 1)
    judge = os.fork()
    if judge == 0:
        _judge(order)
    has_ended = _wait(line, judge, asked_to_stop)
    _end_all(judge)
    with suppress(BrokenPipeError):
        line.send(has_ended)


def _wait(line: Connection, judge: int, asked_to_stop: Event) -> bool:
    """Tell whether the run ended before it was to stop, and before it had too many processes."""
    for tick in count(1):
        if line.poll(TICK) or asked_to_stop.is_set():
            break
        if os.waitpid(judge, os.WNOHANG)[0]:
            return True
        if tick % 10 == 0 and len(_descendants(os.getpid())) > _MOST_PROCESSES:
            break
    return False


def _end_all(judge: int) -> None:
    while True:
        for pid in (*_descendants(os.getpid()), -judge):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(TICK / 4)


def _judge(order: Order) -> None:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _ask_linux(_DIES_WITH_PARENT, signal.SIGKILL)
    os.chdir(order.folder)
    out = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for target in (1, 2):
        os.dup2(out, target)
    os.closerange(3, 256)
    os.environ.clear()
    os.environ.update(order.environment)
    tempfile.tempdir = None
    sys.path[:0] = order.path
    sys.argv = ["guarded", *order.arguments]
    from scenarios.kit import guarded

    try:
        guarded.main()
    finally:
        sys.stdout.flush()
        os._exit(0)


def _descendants(root: int) -> list[int]:
    """Return the processes that a process has started, and those that they have, on Linux."""
    children = defaultdict[int, list[int]](list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = stat.read_bytes().rpartition(b")")[2].split()[1]
            children[int(parent)].append(int(stat.parent.name))
    found = list(children[root])
    for pid in found:
        found += children[pid]
    return found


def _ask_linux(what: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(what, value)
