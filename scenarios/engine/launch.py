"""What a process of `up` becomes: the store or its worker, of the workspace, or the outside world.

Each function runs in a process of its own until it is told to stop. `tell` takes for `up` why the
store's code fails, and an empty text once the program is ready. Who is to `stay` does not end when
that code fails, since there is no good one in its place: as the store it says so to all who ask.
"""

import gc
import logging
import os
import runpy
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from compileall import compile_dir
from importlib import import_module
from py_compile import PycInvalidationMode
from socket import socket
from typing import Any

from waitress import channel, server, wasyncore  # type: ignore[import-untyped]
from werkzeug.wrappers import Response

from scenarios.engine.sandbox import Sandbox, write_whole

QUIET_SECONDS = 0.1
_BY_HASH = PycInvalidationMode.CHECKED_HASH
Tell = Callable[[str], None]


def run_world(tell: Tell, _stay: bool, options: list[str]) -> None:
    """Be the outside world."""
    # It has a handler of its own as soon as it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.argv = ["scenarios.world", *options]
    tell("")
    runpy.run_module("scenarios.world", run_name="__main__", alter_sys=True)


def run_worker(tell: Tell, stay: bool, sandbox: Sandbox) -> None:
    """Be the worker."""
    from flask.cli import ScriptInfo

    app, why = _make_app(tell, stay, sandbox)
    if why:
        signal.pause()
    tell("")
    # Left for the processes that come after this one; in what is wrong they find it themselves.
    compile_dir(sandbox.workspace / "shop", quiet=2, invalidation_mode=_BY_HASH)
    app.cli.main(["worker"], prog_name="flask", obj=ScriptInfo(create_app=lambda: app))


def run_store(tell: Tell, stay: bool, sandbox: Sandbox, sockets: list[socket], prefix: str) -> None:
    """Be the store, on sockets that listen."""
    app, _ = _make_app(tell, stay, sandbox)
    logging.basicConfig()
    channels: dict[int, Any] = {}
    servers = [
        server.create_server(app, map=channels, sockets=[each], url_prefix=prefix)
        for each in sockets
    ]
    leaving = threading.Event()

    def leave(*_: Any) -> None:
        leaving.set()
        servers[0].pull_trigger()

    signal.signal(signal.SIGTERM, leave)
    tell("")
    while not leaving.is_set():
        wasyncore.loop(timeout=1, use_poll=True, map=channels, count=1)
    for each in servers:
        each.accepting = False
    _answer_the_rest(channels)
    for each in servers:
        each.task_dispatcher.shutdown()


def _make_app(tell: Tell, stay: bool, sandbox: Sandbox) -> tuple[Any, str]:
    """Return the application of the workspace, or one in its place, and why.

    Python takes a module that it has compiled for current when the text has the same size and
    second of change, which two quick saves can have. So it writes none, and those that the
    worker has left are told by the hash of their text.
    """
    os.chdir(sandbox.workspace)
    sys.path.insert(0, str(sandbox.workspace))
    sys.dont_write_bytecode = True
    sys.pycache_prefix = str(sandbox.state / "compiled")
    # Nothing of what is imported is garbage, and looking for it takes a while.
    gc.disable()
    try:
        return import_module("shop").create_app(), ""
    except BaseException as error:
        write_whole(sandbox.not_started, traceback.format_exc())
        why = _in_short(error, str(sandbox.workspace))
        tell(why)
        if not stay:
            sys.exit(1)
        text = f"The store does not start.\n\n{why}\n\nRepair it and save the file.\n"
        return Response(text, 503, mimetype="text/plain"), why
    finally:
        gc.enable()


def _in_short(error: BaseException, workspace: str) -> str:
    last = traceback.format_exception_only(error)[-1].strip().replace("\n", " ")
    places = [(each.filename, each.lineno) for each in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError):
        places.append((error.filename or "", error.lineno))
    ours = [place for place in places if place[0].startswith(f"{workspace}/")]
    where = f" ({os.path.relpath(ours[-1][0], workspace)}:{ours[-1][1]})" if ours else ""
    return last + where


def _answer_the_rest(channels: dict[int, Any]) -> None:
    """Answer what comes on the connections that are open, and close each as soon as it is quiet.

    Waitress itself would cut them off. `up` ends this process when it takes too long.
    """
    while open_ones := [
        each for each in channels.values() if isinstance(each, channel.HTTPChannel)
    ]:
        for visitor in open_ones:
            for request in list(visitor.requests):
                # It makes waitress say so to the client, which then sends no further request.
                request.headers["CONNECTION"] = "close"
            is_idle = not visitor.requests and not visitor.request and not visitor.total_outbufs_len
            if is_idle and time.time() - visitor.last_activity > QUIET_SECONDS:
                visitor.will_close = True
        wasyncore.loop(timeout=0.02, use_poll=True, map=channels, count=1)
