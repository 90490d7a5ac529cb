"""The warm parent: it has imported what the store needs, listens, and forks store and worker.

A process forked from here has only the store's own code to read, which takes a third of the time.
The listening sockets belong to this process, so that nobody is refused while a store takes over
from another: a connection waits in the kernel's queue until one accepts it. None of the store's
own code is ever imported here, and there is one thread only, since a fork copies no other.

`up` commands it through a pipe, a line each: `fork NUMBER NAME STAY`, or `TERM NUMBER` and
`KILL NUMBER` for the processes that it has started, by the number that `up` gave them. The pipe
ends when `up` does, and then so does this process, and with it its children (`tether.py`). What
becomes of them is told through another pipe: `NUMBER pid PID` and `NUMBER ended STATUS` by this
process, `NUMBER ready` and `NUMBER failed WHY` by the child.
"""

import ast
import gc
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

from scenarios.engine.launch import Role, launch
from scenarios.engine.tether import SECONDS_TO_STOP, end_with_in_thread

TICK_SECONDS = 0.02
OWN = ("shop", "seed_data", "scenarios")
# What httpx and SQLAlchemy import only when they are used.
LATER = ("certifi", "httpcore", "encodings.idna", "sqlalchemy.dialects.postgresql", "sqlite3")


def main() -> None:
    """Do what `up` says, or, in a child, what the child is for."""
    role = Role(**json.loads(sys.argv[1]))
    preload(role.sandbox.workspace)
    if role.number:
        # A fresh process in the place of a forked one.
        _become(role)
        return
    lifeline, held = os.pipe()
    sockets = [each.detach() for address in role.listen for each in _listen(address)]
    gc.collect()
    gc.freeze()
    parent = _Parent(replace(role, sockets=sockets, lifeline=lifeline))
    if child := parent.serve():
        for theirs in (held, role.control):
            os.close(theirs)
        _become(child)


def _become(role: Role) -> None:
    for output in (1, 2):
        os.dup2(role.outputs[role.name], output)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if role.name != "store":
        for each in role.sockets:
            os.close(each)
    if role.name == "nursery":
        from scenarios.engine.nursery import serve_in

        role.tell("ready")
        serve_in(role.sandbox.state, role.lifeline)
    else:
        end_with_in_thread(role.lifeline)
        launch(role)


def preload(workspace: Path) -> None:
    """Import all that the store's modules import from outside of the store."""
    for name in sorted({*_imported(workspace), *LATER}):
        if name.partition(".")[0] not in OWN:
            with suppress(ImportError):
                import_module(name)


def _imported(workspace: Path) -> Iterator[str]:
    # Only what stands at the top of a module: the store imports late what it needs seldom.
    for path in (workspace / "shop").rglob("*.py"):
        try:
            body = ast.parse(path.read_bytes()).body
        except (OSError, ValueError, SyntaxError):
            continue
        for node in body if "migrations" not in path.parts else ():
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                # A name may be a function or a module; trying tells.
                yield from (node.module, *(f"{node.module}.{each.name}" for each in node.names))


def _listen(address: str) -> list[socket.socket]:
    parts = urlsplit(f"//{address}")
    found = socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_STREAM)
    # After a warm parent that was killed, its store may listen for a moment longer.
    deadline = time.monotonic() + SECONDS_TO_STOP + 1
    while True:
        try:
            return [socket.create_server(where[:2], family=family) for family, *_, where in found]
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(TICK_SECONDS)


class _Parent:
    def __init__(self, role: Role) -> None:
        self._role = role
        self._pids: dict[int, int] = {}

    def serve(self) -> Role | None:
        """Follow commands until `up` is gone; in a child that was forked return its role."""
        while True:
            if select.select([self._role.control], [], [], TICK_SECONDS)[0]:
                commands = os.read(self._role.control, 65536).decode().splitlines()
                if not commands:
                    return None
                for command in commands:
                    if child := self._follow(*command.split()):
                        return child
            self._reap()

    def _follow(self, word: str, number: str, *rest: str) -> Role | None:
        if word != "fork":
            if pid := self._pids.get(int(number)):
                os.killpg(pid, signal.Signals[f"SIG{word}"])
            return None
        child = replace(self._role, number=int(number), name=rest[0], stay=rest[1] == "True")
        can_fork = hasattr(os, "fork") and os.environ.get("CARTWRECK_FORK") != "0"
        pid = os.fork() if can_fork else _start_fresh(child)
        # A group of its own, so that what it starts is stopped with it. Both sides see to it,
        # since either may be the first to need it.
        with suppress(PermissionError):
            os.setpgid(pid, pid)
        if pid == 0:
            return child
        self._pids[child.number] = pid
        child.tell(f"pid {pid}")
        return None

    def _reap(self) -> None:
        for number, pid in list(self._pids.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                del self._pids[number]
                replace(self._role, number=number).tell(
                    f"ended {os.waitstatus_to_exitcode(status)}"
                )


def _start_fresh(child: Role) -> int:
    for descriptor in (*child.sockets, *child.outputs.values(), child.lifeline, child.status):
        os.set_inheritable(descriptor, True)
    # The command line up to here names the sandbox, by which `up` knows its leftovers.
    own = sys.orig_argv[: sys.orig_argv.index("scenarios.engine.tether") + 2]
    words = [*own, "-1", "scenarios.engine.warm", json.dumps(asdict(child))]
    return os.posix_spawn(sys.executable, words, os.environ, setpgroup=0)


if __name__ == "__main__":
    main()
