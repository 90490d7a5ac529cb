from collections.abc import Iterator

import pytest

from tests.attacks.raw import ask, get
from tests.browser.running_store import RunningStore, run_store

pytestmark = pytest.mark.xdist_group("raw")

CLOSE = b"Connection: close\r\n"
START = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
FORM = (
    b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n"
)
SMUGGLED = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n" + CLOSE + b"\r\n"
LARGE = 70_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStore]:
    with run_store(tmp_path_factory.mktemp("store")) as store:
        yield store


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 0\r\nContent-Length: %d\r\n",
        b"Content-Length: 0, %d\r\n",
        b"Content-Length: +%d\r\n",
        b"Content-Length: -%d\r\n",
        b"Content-Length : %d\r\n",
        b"Transfer-Encoding: xchunked\r\nContent-Length: %d\r\n",
        b"Transfer-Encoding: chunked, identity\r\nContent-Length: %d\r\n",
        b"Transfer-Encoding : chunked\r\nContent-Length: %d\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\nContent-Length: %d\r\n",
    ],
)
def test_a_body_of_unclear_length_is_refused_and_nothing_in_it_is_answered(
    store: RunningStore, headers: bytes
) -> None:
    [answer] = ask(store, FORM + headers % len(SMUGGLED) + b"\r\n" + SMUGGLED)

    # waitress knows no other transfer coding than chunked, and says 501 of each.
    assert answer.status in (400, 501)


def test_of_two_lengths_the_chunks_count_and_nothing_in_them_is_answered(
    store: RunningStore,
) -> None:
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)
    both = b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"

    answers = ask(store, FORM + CLOSE + both + chunks)

    assert [answer.status for answer in answers] == [400]


@pytest.mark.parametrize(
    "lines",
    [
        b"X-A: b\r\n Host: evil.example\r\n",
        b"X-A: b\nX-B: c\r\n",
        b"X-A: b\rHost: evil.example\r\n",
        b"X-A: \0\r\n",
        b"X-A\r\n",
        b": evil.example\r\n",
        b"Host: evil.example\r\n",
    ],
)
def test_a_header_that_is_none_is_refused_or_ignored(store: RunningStore, lines: bytes) -> None:
    [answer] = ask(store, START + lines + CLOSE + b"\r\n")

    # waitress quotes the line that it refuses, in plain text.
    assert "evil.example" not in answer or answer.status == 400
    assert answer.status in (200, 400)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "DELETE", "PATCH", "FOO", "A" * 5000])
def test_a_method_that_no_page_knows_is_refused(store: RunningStore, method: str) -> None:
    [answer] = ask(store, START.replace(b"GET", method.encode(), 1) + CLOSE + b"\r\n")

    assert answer.status == 405


@pytest.mark.parametrize("line", [b"get /", b"\0 /", b"\x16\x03\x01\x02", b"GET  /", b"/"])
def test_a_line_that_is_no_request_is_refused(store: RunningStore, line: bytes) -> None:
    [answer] = ask(store, START.replace(b"GET /", line, 1) + CLOSE + b"\r\n")

    assert answer.status == 400


@pytest.mark.parametrize(
    ("target", "header", "statuses"),
    [
        ("/", "X-A: " + "a" * 100_000, (200, 431)),
        ("/", "X-A: " + "a" * 1_000_000, (431,)),
        ("/", "\r\n".join(f"X-{nth}: {'a' * 90}" for nth in range(1000)), (200, 431)),
        ("/?q=" + "a" * 100_000, "X-A: b", (422,)),
        ("/?q=" + "a" * 1_000_000, "X-A: b", (414, 431)),
        ("/products/" + "a" * 100_000, "X-A: b", (404,)),
    ],
    ids=["100 kB", "1 MB", "1000 headers", "query", "URL of 1 MB", "path"],
)
def test_what_is_too_long_is_refused(
    store: RunningStore, target: str, header: str, statuses: tuple[int, ...]
) -> None:
    [answer] = get(store, target, header)

    assert answer.status in statuses


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: %d\r\n\r\n%b" % (LARGE, b"a" * LARGE),
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (LARGE, b"a" * LARGE),
        b"Content-Length: 2000000000\r\n\r\n",
    ],
    ids=["with a length", "in chunks", "2 GB"],
)
def test_a_body_over_the_limit_is_refused(store: RunningStore, rest: bytes) -> None:
    [answer] = ask(store, FORM + CLOSE + rest)

    assert answer.status == 413
