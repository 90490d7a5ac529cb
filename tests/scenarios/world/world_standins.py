"""What the tests of the outside world share: a clock, a caller and a receiver of webhooks."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scenarios.world.context import Settings, World
from scenarios.world.payment_book import settle_captures
from scenarios.world.webhooks import deliver_due

APPROVES = "4242424242424242"
DECLINES = "4000000000000002"
ERRS = "4000000000000119"
IS_SLOW = "4000000000000259"
FAILS_CAPTURE = "4000000000000341"

STORE = {"Authorization": "Bearer key-of-the-store"}
CONTROL = {"Authorization": "Bearer token-of-control"}


def settings_for(folder: Path, webhook_url: str = "http://127.0.0.1:9/webhooks") -> Settings:
    """Return settings whose ledgers are in a folder."""
    return Settings(
        payments_api_key="key-of-the-store",
        webhook_secret="secret-of-webhooks",
        control_token="token-of-control",
        webhook_url=webhook_url,
        data_dir=folder,
    )


class StandingClock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


class CountedWaits(threading.Event):
    """Stands where calls wait, and writes down how long instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        """Return at once."""
        self.seconds.append(timeout)
        return False


class Caller:
    """Calls a world as the store does, and as the instructor does."""

    def __init__(self, world: World, client: FlaskClient) -> None:
        self.world = world
        self.client = client
        self._keys = count(1)

    def post(self, path: str, body: object, key: str | None = None) -> TestResponse:
        """Post to a service, with a key of its own unless one is given."""
        key = key or f"key-{next(self._keys)}"
        return self.client.post(path, json=body, headers={**STORE, "Idempotency-Key": key})

    def get(self, path: str) -> TestResponse:
        """Get something from a service."""
        return self.client.get(path, headers=STORE)

    def token(self, number: str = APPROVES) -> str:
        """Return a token for a card."""
        answer = self.post("/payments/v1/tokens", {"number": number})
        return str(answer.get_json()["token"])

    def authorize(self, number: str = APPROVES, **changes: Any) -> TestResponse:
        """Ask for an authorization."""
        key = changes.pop("key", None)
        body = {"reference": "BB-7K3MQ-9XT2W", "amount": 1999, "currency": "GBP"}
        token = changes.pop("token", None) or self.token(number)
        return self.post("/payments/v1/payments", body | {"token": token} | changes, key)

    def payment_id(self, number: str = APPROVES, **changes: Any) -> str:
        """Return the id of a new payment."""
        return str(self.authorize(number, **changes).get_json()["id"])

    def step(self, payment_id: str, name: str, key: str | None = None) -> TestResponse:
        """Capture or void a payment."""
        return self.post(f"/payments/v1/payments/{payment_id}/{name}", {}, key)

    def refund(self, payment_id: str, amount: int, key: str | None = None) -> TestResponse:
        """Refund a payment."""
        return self.post(f"/payments/v1/payments/{payment_id}/refund", {"amount": amount}, key)

    def captured_id(self, clock: StandingClock, **changes: Any) -> str:
        """Return the id of a payment that has been captured."""
        payment_id = self.payment_id(**changes)
        self.step(payment_id, "capture")
        self.settle(clock)
        return payment_id

    def settle(self, clock: StandingClock, seconds: float = 0.3) -> None:
        """Let time pass, and end the captures that are then due."""
        clock.advance(seconds)
        with self.world.ledger.transaction() as db:
            settle_captures(db, clock())

    def show(self, payment_id: str) -> dict[str, Any]:
        """Return a payment as the provider shows it."""
        return dict(self.get(f"/payments/v1/payments/{payment_id}").get_json())

    def conditions(self, service: str, **values: Any) -> TestResponse:
        """Change conditions."""
        return self.client.patch(f"/control/conditions/{service}", json=values, headers=CONTROL)

    def ledger(self, service: str) -> dict[str, Any]:
        """Return a ledger."""
        return dict(self.client.get(f"/control/ledgers/{service}").get_json())

    def event_types(self) -> list[str]:
        """Return the types of all events, oldest first."""
        return [event["type"] for event in self.ledger("payments")["events"]]


class Store:
    """A store that takes webhooks without a network: what came, and what to answer."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.signatures: list[str] = []
        self.answers: Iterator[object] | None = None

    def __call__(self, body: bytes, headers: Mapping[str, str]) -> int:
        self.bodies.append(body)
        self.signatures.append(headers["Tillpost-Signature"])
        answer = 200 if self.answers is None else next(self.answers)
        if isinstance(answer, OSError):
            raise answer
        assert isinstance(answer, int)
        return answer

    def types(self) -> list[str]:
        """Return the types of the events that came, in the order of their coming."""
        return [json.loads(body)["type"] for body in self.bodies]

    def take_due(self, world: World) -> str | None:
        """Take all that is due now; return when more will be."""
        return deliver_due(world, self)


@contextmanager
def receiver() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """Run a tiny HTTP server; give its URL and the list of what it gets."""
    received: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((dict(self.headers), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the output of the tests quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/webhooks", received
        finally:
            server.shutdown()
            thread.join()


def expect_soon(is_true: Callable[[], object], seconds: float = 10) -> None:
    """Wait until something holds, and fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.01)
