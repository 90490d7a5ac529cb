"""Ports for the servers that tests start, never the same one twice."""

import itertools
import os
import random
import socket

# Each test process has a range of its own. All of them are below the ports that the system hands
# out to outgoing connections, which could otherwise take the port of a server that was killed.
_PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_FIRST, _COUNT = 20_000, 1_000
_next = itertools.count(random.SystemRandom().randrange(_COUNT))


def unused_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on and that this process has not given out."""
    for number in itertools.islice(_next, _COUNT):
        port = _FIRST + _PROCESS % 12 * _COUNT + number % _COUNT
        if _is_free(port):
            return port
    raise RuntimeError(f"{_COUNT} ports are taken.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # Without it a port that was closed a moment ago would count as taken for a minute.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
