"""The nursery: a process that has imported what tests need, and forks one for each run of them.

A run has then only the store's own code to read, which none of is ever imported here. Each run has
a keeper between itself and this process: it ends the run when whoever asked hangs up, and then all
that the run has left, since the processes that lose their parent become the keeper's.

`up` keeps one as a child of its warm parent, and says where in `.cartwreck/nursery.json`; a command
that finds none starts its own, which ends with it:

    python -m scenarios.engine.nursery WORKSPACE
"""

import ctypes
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from compileall import compile_dir
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from itertools import count
from pathlib import Path
from socket import SHUT_WR, create_connection, create_server, socket
from threading import Event, Lock
from typing import IO, cast

from scenarios.engine.programs import LOOPBACK
from scenarios.engine.sandbox import Sandbox, write_whole
from scenarios.engine.warm import preload

_TICK = 0.02
_MOST_PROCESSES = 50
_SECONDS_TO_GREET, _SECONDS_TO_START = 2.0, 60.0
_GREETING, _ENDED, _STOPPED = b"here\n", b"ended\n", b"stopped\n"
_DIES_WITH_PARENT, _ADOPTS = 1, 36  # PR_SET_PDEATHSIG and PR_SET_CHILD_SUBREAPER, of Linux.
_ONE_AT_A_TIME = Lock()


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


def run(sandbox: Sandbox, order: Order, seconds: float, stop: Event) -> bool:
    """Run tests until they end, or for so many seconds, or until they are to stop.

    Nothing of the run is left when this returns. Tell whether it ended by itself, which one that
    has killed its keeper has done too.
    """
    with _connect(sandbox) as line:
        line.sendall(json.dumps(asdict(order)).encode() + b"\n")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not stop.is_set():
            if select.select([line], [], [], _TICK)[0]:
                return line.recv(len(_STOPPED)) != _STOPPED
        line.shutdown(SHUT_WR)
        line.recv(len(_STOPPED))
        return False


def serve(secret: str, listener: socket, lifeline: int) -> None:
    """Answer everybody who knows the secret, until nobody holds the lifeline's other end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    watched: list[socket | int] = [listener, lifeline]
    while lifeline not in select.select(watched, [], [])[0]:
        line, _ = listener.accept()
        if os.fork() == 0:
            try:
                _keep(line, secret)
            finally:
                os._exit(0)
        line.close()


def serve_in(state: Path, lifeline: int) -> None:
    """Be the nursery of `up`, in a process that has imported what the store needs."""
    _import_for_tests()
    listener, secret = create_server((LOOPBACK, 0)), secrets.token_hex(16)
    address = {"port": listener.getsockname()[1], "secret": secret}
    write_whole(state / "nursery.json", json.dumps(address))
    serve(secret, listener, lifeline)


def main() -> None:
    """Be the nursery of the command that holds the other end of standard input."""
    workspace, listener = Path(sys.argv[1]), socket(fileno=int(sys.argv[2]))
    secret = sys.stdin.readline().strip()
    preload(workspace)
    _import_for_tests()
    serve(secret, listener, sys.stdin.fileno())


def _import_for_tests() -> None:
    import pytest  # noqa: F401

    from scenarios.kit import guarded

    # The kit reads the store's modules, so each run imports it anew.
    compile_dir(Path(guarded.__file__).parent, quiet=2)


def _connect(sandbox: Sandbox) -> socket:
    with suppress(OSError, ValueError, KeyError):
        facts = json.loads((sandbox.state / "nursery.json").read_text("utf-8"))
        return _dial(facts["port"], facts["secret"], _SECONDS_TO_GREET)
    with _ONE_AT_A_TIME:
        port, secret, _ = _start()
    return _dial(port, secret, _SECONDS_TO_START)


@cache
def _start() -> tuple[int, str, object]:
    """Start a nursery; its process is returned too, since it ends with the pipe that it has."""
    secret, root = secrets.token_hex(16), Path(__file__).parents[2]
    with create_server((LOOPBACK, 0)) as listener:
        own = [sys.executable, "-m", "scenarios.engine.nursery"]
        process = subprocess.Popen(
            [*own, str(root), str(listener.fileno())],
            cwd=root,
            env=os.environ | {"MALLOC_ARENA_MAX": "1"},
            stdin=subprocess.PIPE,
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )
        cast(IO[bytes], process.stdin).write(f"{secret}\n".encode())
        cast(IO[bytes], process.stdin).flush()
        return listener.getsockname()[1], secret, process


def _dial(port: int, secret: str, seconds: float) -> socket:
    line = create_connection((LOOPBACK, port), seconds)
    with suppress(OSError):
        line.sendall(f"{secret}\n".encode())
        if line.recv(len(_GREETING)) == _GREETING:
            line.settimeout(None)
            return line
    line.close()
    raise ConnectionRefusedError("Who listens there is not the nursery, or does not answer.")


def _keep(line: socket, secret: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    words = line.makefile("r", encoding="utf-8")
    if not secrets.compare_digest(words.readline().strip(), secret):
        return
    line.sendall(_GREETING)
    order = Order(**json.loads(words.readline()))
    os.setsid()
    _ask_linux(_ADOPTS, 1)
    judge = os.fork()
    if judge == 0:
        _judge(order)
    has_ended = _wait(line, judge)
    _end_all(judge)
    line.sendall(_ENDED if has_ended else _STOPPED)


def _wait(line: socket, judge: int) -> bool:
    """Tell whether the run ended before somebody hung up, and before it had too many processes."""
    for tick in count(1):
        if select.select([line], [], [], _TICK)[0]:
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
        time.sleep(_TICK / 4)


def _judge(order: Order) -> None:
    os.setsid()
    _ask_linux(_DIES_WITH_PARENT, signal.SIGKILL)
    os.chdir(order.folder)
    out = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for source, target in ((os.open(os.devnull, os.O_RDONLY), 0), (out, 1), (out, 2)):
        os.dup2(source, target)
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


if __name__ == "__main__":
    main()
