"""The server of what is compared, as a process of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.bench.server import URL_VARIABLE
from tests.bench.visitors import LOOPBACK
from tests.load.programs import REPOSITORY, poll
from tests.ports import unused_port

_SECONDS_TO_START = 30.0


@contextmanager
def running_server(database_url: str) -> Iterator[int]:
    """Serve on a free port of this machine, which is yielded, and stop whatever happens.

    :raises RuntimeError: when it does not answer.
    """
    port = unused_port()
    listen = [f"--listen={LOOPBACK}:{port}", "--call", "tests.bench.server:make_switch"]
    server = subprocess.Popen(
        [sys.executable, "-m", "waitress", *listen],
        cwd=REPOSITORY,
        env={**os.environ, URL_VARIABLE: database_url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in poll(_SECONDS_TO_START):
            if _answers(port):
                break
        else:
            raise RuntimeError(
                f"The server of the bench did not start within {_SECONDS_TO_START}s."
            )
        yield port
    finally:
        server.terminate()
        server.wait()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://{LOOPBACK}:{port}/bare", trust_env=False).is_success
    except httpx.TransportError:
        return False
