"""How a process of `up` begins, and that it ends when `up` does."""

import os
import signal
import threading
import time
from importlib import import_module
from multiprocessing import parent_process
from multiprocessing.connection import Connection

from scenarios.engine.programs import Program

SECONDS_TO_STOP = 5.0


def become(program: Program, printing: Connection, telling: Connection, stay: bool) -> None:
    """Run the program in this process, in a session and with an environment of its own."""
    os.setsid()
    for output in (1, 2):
        os.dup2(printing.fileno(), output)
    os.environ.clear()
    os.environ.update(program.environment)
    threading.Thread(target=_end_with_up, daemon=True).start()
    run = getattr(import_module("scenarios.engine.launch"), program.run)
    run(telling.send, stay, *program.given)


def _end_with_up() -> None:
    if up := parent_process():
        # The kernel ends the wait when `up` ends, even by kill -9.
        up.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_STOP)
    os._exit(1)
