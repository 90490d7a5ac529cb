"""Which addresses are free on this machine, and what a host name or a path means."""

import errno
import ipaddress
import re
import socket

from scenarios.engine.refusal import RefusedError

TRIES = 20


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_host(host: str) -> None:
    """Make sure that this machine can listen on `host`.

    :raises RefusedError: when the name means nothing or is another machine's.
    """
    try:
        _bind(host, 0)
    except OSError as error:
        raise RefusedError(
            f"The store cannot listen on {host!r}: give an address of this machine, "
            "such as 127.0.0.1 or 0.0.0.0."
        ) from error


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


def free_port(wanted: int, hosts: tuple[str, ...], taken: set[int]) -> int:
    """Return `wanted` or the next port that is free on all hosts, and add it to `taken`.

    :raises RefusedError: when twenty ports in a row are taken.
    """
    last = min(wanted + TRIES, 65536)
    for port in range(wanted, last):
        if port not in taken and all(_is_free(host, port) for host in hosts):
            taken.add(port)
            return port
    raise RefusedError(
        f"The ports {wanted} to {last - 1} are all taken: choose another with an option."
    )


def _is_free(host: str, port: int) -> bool:
    try:
        _bind(host, port)
    except PermissionError as error:
        raise RefusedError(f"Port {port} is for administrators: choose one from 1024.") from error
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return False
    return True


def _bind(host: str, port: int) -> None:
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    # Other than a plain socket, this does not take a port for taken that was closed a moment ago.
    socket.create_server(address, family=family).close()
