"""Run a Python module that ends when the process that started it is gone.

    python -m tests.tether DESCRIPTOR MODULE [ARGUMENTS...]

DESCRIPTOR is the reading end of a pipe whose only writing end belongs to that process. Nothing is
ever written to it: the kernel closes it when the process ends, even by kill -9.
"""

import os
import runpy
import signal
import sys
import threading
import time

SECONDS_TO_STOP = 5.0


def main() -> None:
    """Watch the pipe in a thread and run the module in this process."""
    descriptor, module = int(sys.argv[1]), sys.argv[2]
    os.set_inheritable(descriptor, False)
    threading.Thread(target=_end_with, args=(descriptor,), daemon=True).start()
    # A program with its own handler replaces this one; for waitress it means that requests that
    # are being answered are answered.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.argv = [module, *sys.argv[3:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end_with(descriptor: int) -> None:
    os.read(descriptor, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_STOP)
    os._exit(1)


if __name__ == "__main__":
    main()
