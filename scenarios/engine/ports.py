"""Which addresses are free on this machine, and what a host name or a path means."""

import errno
import re
import socket
from collections.abc import Callable
from contextlib import ExitStack

from scenarios.engine.refusal import RefusedError

LOOPBACK = "127.0.0.1"
TRIES = 20


def check_prefix(prefix: str) -> None:
    """Make sure that every address of the store can begin with `prefix`; empty means none.

    :raises RefusedError: when it is not one or more parts like `/class`.
    """
    # A browser takes the parts `.` and `..` out of an address before it asks.
    if prefix and not re.fullmatch(r"(/(?!\.\.?(/|$))[A-Za-z0-9._~-]+)+", prefix):
        raise RefusedError(
            f"The store cannot live under {prefix!r}: give a path such as /class/ada, of letters, "
            "digits and - . _ ~, with a slash before each part and none at the end."
        )


def listen(
    name: str, wanted: int, say: Callable[[str], None], host: str = LOOPBACK
) -> list[socket.socket]:
    """Listen on the first port from `wanted` on that is free, on this machine and on `host`.

    :param name: of who is to have it, who is told when it is another port.
    :raises RefusedError: when twenty ports in a row are taken, or `host` is another machine's.
    """
    last = min(wanted + TRIES, 65536)
    for port in range(wanted, last):
        with ExitStack() as opened:
            try:
                sockets = [opened.enter_context(_listen(each, port)) for each in _hosts(host)]
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                raise RefusedError(
                    f"The store cannot listen on {host!r}, port {port}: "
                    "give an address of this machine, and a port from 1024 on."
                ) from error
            opened.pop_all()
            if port != wanted:
                say(f"Port {wanted} is taken: the {name} uses {port}.")
            return sockets
    raise RefusedError(f"The ports {wanted} to {last - 1} are all taken: choose others.")


def _listen(host: str, port: int) -> socket.socket:
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    # Other than a plain socket, this does not take a port for taken that was closed a moment ago.
    return socket.create_server(address[:2], family=family)


def _hosts(host: str) -> tuple[str, ...]:
    # What listens on all addresses listens on this machine's too.
    if host in (LOOPBACK, "localhost", "0.0.0.0"):  # noqa: S104  `up` tells it in red.
        return (host.replace("localhost", LOOPBACK),)
    return (LOOPBACK, host)
