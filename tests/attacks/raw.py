"""Requests byte by byte, as no HTTP client would send them, and every answer that comes back."""

import io
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from urllib.parse import urlsplit

from tests.browser.running_store import PATIENCE, RunningStore


@dataclass(frozen=True)
class Answer:
    """One answer as it came over the wire."""

    status: int
    headers: Message
    body: bytes

    def __contains__(self, text: str) -> bool:
        return text.encode() in self.body or text in str(self.headers)


def ask(store: RunningStore, request: bytes) -> list[Answer]:
    """Send bytes on a connection of their own and return all answers, however many there are.

    The server has to end the connection: ask it with `Connection: close`.
    """
    where = urlsplit(store.address)
    with socket.create_connection((where.hostname, where.port), PATIENCE) as connection:
        # A server that has refused the beginning need not take the rest, nor end politely.
        with suppress(ConnectionError):
            connection.sendall(request)
        return list(_read_answers(b"".join(_receive(connection))))


def get(store: RunningStore, target: str, *headers: str, host: str = "127.0.0.1") -> list[Answer]:
    """Ask for a target exactly as it is written."""
    lines = [f"GET {target} HTTP/1.1", f"Host: {host}", *headers, "Connection: close", "", ""]
    return ask(store, "\r\n".join(lines).encode("latin-1"))


def _receive(connection: socket.socket) -> Iterator[bytes]:
    with suppress(ConnectionError):
        while received := connection.recv(65_536):
            yield received


def _read_answers(received: bytes) -> Iterator[Answer]:
    stream = io.BytesIO(received)
    while line := stream.readline():
        status = int(line.split()[1])
        head = b"".join(iter(lambda: stream.readline().replace(b"\r\n", b"\n"), b"\n"))
        headers = BytesHeaderParser().parsebytes(head)
        length = headers.get("Content-Length")
        yield Answer(status, headers, stream.read(int(length) if length else -1))
