"""The warm parent that processes are forked from: the fork server of `multiprocessing`.

It has imported what `warm.py` says, and ends when nobody can ask it any more. Where a platform
cannot fork, each process starts afresh.
"""

import multiprocessing.forkserver
import os
import sys
import tempfile
from contextlib import chdir
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path

CONTEXT: ForkServerContext | SpawnContext = get_context("spawn")
if hasattr(os, "fork") and os.environ.get("CARTWRECK_FORK") != "0":
    CONTEXT = get_context("forkserver")
    CONTEXT.set_forkserver_preload(["scenarios.engine.warm"])


def warm_up() -> None:
    """Start the warm parent, if it does not run; it is ready a second later."""
    # A process has no need of the script by which this command was started.
    vars(sys.modules["__main__"]).pop("__file__", None)
    # Without these glibc keeps 20 MB for each thread that has ever checked a password, and a
    # little of everything for each thread there is.
    os.environ.update({"MALLOC_TRIM_THRESHOLD_": "131072", "MALLOC_ARENA_MAX": "1"})
    # The path of a Unix socket ends at about 100 bytes, of which its own names take 31.
    if len(os.fsencode(tempfile.gettempdir())) > 70:
        tempfile.tempdir = "/tmp"  # noqa: S108  What is put there gets a folder of its own.
    if CONTEXT.get_start_method() == "forkserver":
        with chdir(Path(__file__).parents[2]):
            multiprocessing.forkserver.ensure_running()
