"""The client of outside services against a service on this machine that does as it is told."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from httpx import Request

from scenarios.kit.clock import START, FixedClock
from shop.errors import GatewayUnavailable
from shop.gateways.http import Clock, HttpService

FAILS, REFUSES, ANSWERS = (503, b"{}"), (422, b"{}"), (200, b'{"is": "fine"}')


class Service(ThreadingHTTPServer):
    """Answers with a status and a body; `promised` is how long it says that the body is."""

    answer = ANSWERS
    promised: int | None = None
    calls = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        service = self.server
        assert isinstance(service, Service)
        service.calls += 1
        status, body = service.answer
        self.send_response(status)
        self.send_header("Content-Length", str(service.promised or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the terminal quiet."""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(("127.0.0.1", 0), Handler) as service:
        thread = Thread(target=service.serve_forever, args=(0.01,))
        thread.start()
        yield service
        service.shutdown()
        thread.join()


@contextmanager
def client_of(service: Service, clock: Clock, seconds: float = 8) -> Iterator[HttpService]:
    client = HttpService("It", f"http://127.0.0.1:{service.server_port}", clock, seconds=seconds)
    yield client
    client._client.close()


def ask(client: HttpService, times: int = 1) -> list[dict[str, object]]:
    return [client.ask("GET", "/") for _ in range(times)]


def test_an_answer_that_comes_byte_by_byte_is_cut_off_at_the_deadline(service: Service) -> None:
    # The first part is there at once, and the next never comes: only the clock ends the wait.
    service.answer, service.promised = (200, b"{"), 1_000
    clock = iter(START + timedelta(seconds=seconds) for seconds in (0, 1, 10))

    with (
        client_of(service, lambda: next(clock)) as client,
        pytest.raises(GatewayUnavailable, match="does not come to an end"),
    ):
        client.call("GET", "/")


def test_an_answer_without_end_is_not_kept(service: Service, clock: FixedClock) -> None:
    service.answer, service.promised = (200, b" " * 1_500_000), 10**12

    with (
        client_of(service, clock) as client,
        pytest.raises(GatewayUnavailable, match="does not come to an end"),
    ):
        client.call("GET", "/")


def test_an_answer_that_does_not_come_is_given_up(service: Service, clock: FixedClock) -> None:
    service.answer, service.promised = (200, b""), 1_000
    sent: list[Request] = []

    with client_of(service, clock, seconds=0.05) as client:
        client._client.event_hooks = {"request": [sent.append]}
        with pytest.raises(GatewayUnavailable, match="ReadTimeout"):
            client.call("GET", "/")

    assert [set(each.extensions["timeout"].values()) for each in sent] == [{0.05}]


def test_an_answer_that_is_nested_too_deeply_is_none(service: Service, clock: FixedClock) -> None:
    service.answer = (200, b"[" * 200_000)

    with client_of(service, clock) as client:
        assert ask(client) == [{}]


@pytest.mark.parametrize("answer", [FAILS, REFUSES])
def test_after_five_failures_in_a_row_nothing_is_sent(
    service: Service, clock: FixedClock, answer: tuple[int, bytes]
) -> None:
    service.answer = answer

    with client_of(service, clock) as client:
        answers = ask(client, times=7)

    assert (answers, service.calls) == ([{}] * 7, 5)


def test_failures_that_are_not_in_a_row_stop_nothing(service: Service, clock: FixedClock) -> None:
    with client_of(service, clock) as client:
        for answer in (FAILS, FAILS, FAILS, FAILS, ANSWERS, FAILS, FAILS, FAILS, FAILS, ANSWERS):
            service.answer = answer
            last = ask(client)

    assert (last, service.calls) == ([{"is": "fine"}], 10)


def test_after_half_a_minute_one_try_is_let_through(service: Service, clock: FixedClock) -> None:
    service.answer = FAILS
    with client_of(service, clock) as client:
        ask(client, times=5)
        clock.advance(29.9)
        ask(client)
        before = service.calls
        clock.advance(0.1)

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(ask, [client] * 8))

    assert (before, service.calls) == (5, 6)


def test_a_try_that_is_answered_ends_the_pause(service: Service, clock: FixedClock) -> None:
    service.answer = FAILS
    with client_of(service, clock) as client:
        ask(client, times=6)
        service.answer = ANSWERS
        clock.advance(30)

        answers = ask(client, times=3)

    assert (answers, service.calls) == ([{"is": "fine"}] * 3, 8)


def test_a_call_that_has_to_be_made_is_made_during_a_pause(
    service: Service, clock: FixedClock
) -> None:
    service.answer = FAILS
    with client_of(service, clock) as client:
        ask(client, times=5)
        service.answer = ANSWERS

        assert (client.call("GET", "/"), ask(client)) == ({"is": "fine"}, [{}])
