"""The store of this checkout: web server, worker and outside world, each a process.

Every process is started through a tether, so that it ends with the test run even when
that is killed.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Executable, create_engine, insert

from scenarios.engine.keys import Keys
from scenarios.engine.programs import Addresses, store_settings, world_options, world_settings
from scenarios.engine.sandbox import Sandbox
from shop.models import GiftCard
from tests.ports import unused_port

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 30.0
_KEYS = Keys("key of the store", "key of the payments", "webhook secret", "control token")
_cards = count(1)


@dataclass(frozen=True)
class RunningStore:
    """Where the store answers, and what the outside world has seen of it."""

    address: str
    world: str
    database_url: str

    def url(self, path: str) -> str:
        return f"{self.address}{path}"

    def payments_for(self, number: str) -> list[dict[str, Any]]:
        """Return the provider's payments for an order."""
        return self._read("/payments/v1/payments", "payments", reference=number)

    def count_payments(self) -> int:
        """Return how many payments the provider has for all orders together."""
        return len(self._read("/control/ledgers/payments", "payments"))

    def mails_for(self, number: str) -> list[dict[str, Any]]:
        """Return the mails that name an order in their subject."""
        mails = self._read("/mail/messages.json", "messages")
        return [mail for mail in mails if number in mail["subject"]]

    def mails_to(self, email: str, subject: str) -> list[dict[str, Any]]:
        """Return the mails to an address with this subject, newest first."""
        mails = self._read("/mail/messages.json", "messages")
        return [mail for mail in mails if mail["to"] == [email] and mail["subject"] == subject]

    def new_gift_card(self, amount: int) -> str:
        """Sell a gift card over the counter, as no page of the store does, and return its code."""
        code = f"GIFT{next(_cards):012}"
        end = datetime(2036, 1, 1, tzinfo=UTC)
        self.write(insert(GiftCard).values(code=code, amount=amount, balance=amount, ends_at=end))
        return code

    def write(self, statement: Executable) -> None:
        """Write into the store's database past all of its pages."""
        engine = create_engine(self.database_url)
        with engine.begin() as connection:
            connection.execute(statement)
        engine.dispose()

    def set_conditions(self, service: str, **conditions: float) -> None:
        """Change how the outside world behaves."""
        headers = {"Authorization": f"Bearer {_KEYS.control_token}"}
        address = f"{self.world}/control/conditions/{service}"
        httpx.patch(address, json=conditions, headers=headers, trust_env=False).raise_for_status()

    @contextmanager
    def outage(self, service: str) -> Iterator[None]:
        """Let a service of the outside world fail for as long as the block lasts."""
        self.set_conditions(service, failing=True)
        try:
            yield
        finally:
            self.set_conditions(service, failing=False)

    def _read(self, path: str, name: str, **query: str) -> list[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {_KEYS.payments_api_key}"}
        answer = httpx.get(
            f"{self.world}{path}", params=query, headers=headers, trust_env=False
        ).raise_for_status()
        found: list[dict[str, Any]] = answer.json()[name]
        return found


@contextmanager
def run_store(folder: Path, prefix: str = "", is_seeded: bool = True) -> Iterator[RunningStore]:
    """Run a new store in `folder`, under a path, for as long as the block lasts."""
    store, world, smtp = (unused_port() for _ in range(3))
    addresses = Addresses("127.0.0.1", store, world, smtp, prefix)
    database_url = f"sqlite:///{folder / 'store.sqlite3'}"
    settings = store_settings(_KEYS, addresses, database_url) | {"SHOP_POLL_SECONDS": "1"}
    folder.mkdir(exist_ok=True)
    sandbox = Sandbox(folder)
    sandbox.make_folders()
    for command in ("migrate", "seed") if is_seeded else ("migrate",):
        _run("flask", "--app", "shop", command, environment=settings)
    reading_end, writing_end = os.pipe()
    world_command = ["scenarios.world", *world_options(sandbox, addresses)]
    commands = [(world_command, world_settings(_KEYS))]
    commands += [(command, settings) for command in _store_commands(addresses)]
    running = [_start(*each, sandbox, reading_end) for each in commands]
    try:
        running_store = RunningStore(addresses.store, addresses.world, database_url)
        up = (running_store.url("/"), addresses.world)
        wait_until(lambda: all(map(_answers, up)), running)
        running_store.set_conditions("carrier", transit_seconds=1)
        yield running_store
    finally:
        os.close(reading_end)
        os.close(writing_end)
        for process in running:
            process.wait(PATIENCE)


def wait_until(
    condition: Callable[[], bool], running: list[subprocess.Popen[bytes]] | None = None
) -> None:
    """Wait for something to become true, and fail early when one of the processes has ended."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        ended = [process.args for process in running or [] if process.poll() is not None]
        assert not ended, f"It ended at once: {ended}"
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.02)


def _store_commands(addresses: Addresses) -> list[list[str]]:
    # `cartwreck up` forks these two from its warm parent, with the code of a workspace.
    prefix = [f"--url-prefix={addresses.prefix}"] if addresses.prefix else []
    listen = f"--listen={addresses.host}:{addresses.store_port}"
    serve = ["waitress", listen, *prefix, "--call", "shop:create_app"]
    return [serve, ["flask", "--app", "shop", "worker"]]


def _start(
    command: list[str], environment: dict[str, str], sandbox: Sandbox, pipe: int
) -> subprocess.Popen[bytes]:
    log = sandbox.logs / f"{command[0]}.log"
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.tether", str(pipe), *command],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[pipe],
        )


def _run(module: str, *arguments: str, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", module, *arguments]
    subprocess.run(command, cwd=REPOSITORY, env=environment, check=True, capture_output=True)


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False).is_success
    except httpx.TransportError:
        return False
