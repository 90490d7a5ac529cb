"""Clients that send one byte a second, and the ordinary shopper beside them."""

import socket
import time
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import httpx

from tests.attacks.outcomes import Outcome, Wishes
from tests.browser.running_store import run_store

_CONNECTIONS, _SECONDS, _PATIENCE = 50, 15, 5.0
_UNFINISHED = {
    "headers": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
    "body": b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\n",
}
_PAGES = ("/", "/cart", "/sign-in", "/api/v1/products")


def hold_connections(wishes: Wishes) -> Outcome:
    """Keep connections open with headers, then with bodies, and count who is served meanwhile."""
    findings, measured, sent = [], [], 0
    with run_store(wishes.folder) as store:
        for part, beginning in _UNFINISHED.items():
            seconds, wrong, dropped = _serve_beside(store.address, beginning)
            sent += len(seconds)
            findings += [f"beside slow {part}: {each}" for each in wrong]
            if dropped:
                findings.append(f"{dropped} connections with slow {part} ended: nothing was tried")
            measured.append(f"{part} {len(seconds)} served, slowest {max(seconds):.2f} s")
    return Outcome(sent + len(_UNFINISHED) * _CONNECTIONS, tuple(findings), ", ".join(measured))


def _serve_beside(address: str, beginning: bytes) -> tuple[list[float], list[str], int]:
    where = urlsplit(address)
    seconds, wrong, ended = [], [], time.monotonic() + _SECONDS
    with ExitStack() as closing:
        slow = [
            closing.enter_context(socket.create_connection((where.hostname, where.port)))
            for _ in range(_CONNECTIONS)
        ]
        for each in slow:
            each.sendall(beginning)
        next_byte = time.monotonic()
        while time.monotonic() < ended:
            if time.monotonic() >= next_byte:
                next_byte += 1
                _drip(slow)
            for page in _PAGES:
                took, trouble = _visit(f"{address}{page}")
                seconds.append(took)
                wrong += trouble
        return seconds, wrong, sum(_is_closed(each) for each in slow)


def _drip(slow: list[socket.socket]) -> None:
    for each in slow:
        # Whoever was thrown out is counted at the end.
        with suppress(OSError):
            each.sendall(b"a")


def _visit(url: str) -> tuple[float, list[str]]:
    started = time.monotonic()
    try:
        status = httpx.get(url, trust_env=False, timeout=_PATIENCE).status_code
    except httpx.TransportError as error:
        return time.monotonic() - started, [f"{url}: {type(error).__name__}"]
    return time.monotonic() - started, [] if status == 200 else [f"{url}: {status}"]


def _is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        connection.recv(1)
    except BlockingIOError:
        return False
    except OSError:
        return True
    # It was answered or ended, and either way nobody waits for it any more.
    return True
