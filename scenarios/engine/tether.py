"""Run a Python module that ends when the `cartwreck up` that started it is gone.

    python -m scenarios.engine.tether STATE_FOLDER DESCRIPTOR MODULE [ARGUMENTS...]

DESCRIPTOR is the reading end of a pipe whose only writing end belongs to `up`. Nothing is ever
written to it: the kernel closes it when `up` ends, even by kill -9, and the read below returns.
This works on Linux and macOS alike; PR_SET_PDEATHSIG is Linux only. The pipe is not standard
input, so that a `breakpoint()` in the program does not compete for it. STATE_FOLDER is not read;
it stands in the command line so that a later `up` can tell its own leftovers from other programs.
A DESCRIPTOR of -1 means that the module watches a pipe itself, since it may have no thread.
"""

import os
import runpy
import signal
import sys
import threading
import time
from types import FrameType

SECONDS_TO_STOP = 5.0


def main() -> None:
    """Watch the pipe in a thread and run the module in this process."""
    descriptor, module = int(sys.argv[2]), sys.argv[3]
    if descriptor >= 0:
        os.set_inheritable(descriptor, False)
        end_with_in_thread(descriptor)
    # A program with its own handler replaces this one; for waitress it means that requests that
    # are being answered are answered.
    signal.signal(signal.SIGTERM, _leave)
    sys.argv = [module, *sys.argv[4:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def end_with_in_thread(descriptor: int) -> None:
    """End this process when nobody holds the writing end of the pipe any more."""
    threading.Thread(target=_end_with, args=(descriptor,), daemon=True).start()


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _end_with(descriptor: int) -> None:
    os.read(descriptor, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_STOP)
    os._exit(1)


if __name__ == "__main__":
    main()
