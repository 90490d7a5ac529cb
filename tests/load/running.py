"""A whole store on free ports: its processes, its worker, its database and the outside world."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.load.database import fresh_database
from tests.load.outside import CONTROL_TOKEN, Outside
from tests.load.programs import Program, poll
from tests.ports import unused_port

LOOPBACK = "127.0.0.1"
SECONDS_TO_START = 60.0
_API_KEY = "api key of the load tests"
_WEBHOOK_SECRET = "webhook secret of the load tests"
_READY = {"store": "Serving on", "world": "is at http", "worker": "Worker started."}
_TROUBLE = re.compile(
    r'"status": 5\d\d|database is locked|deadlock|^Traceback|"level": "(error|critical)"'
)


@dataclass(frozen=True)
class RunningStore:
    """Everything of one run: all `stores` and `workers` share the database and the `world`."""

    database_url: str
    urls: list[str]
    stores: list[Program]
    workers: list[Program]
    world: Program
    outside: Outside

    @property
    def programs(self) -> list[Program]:
        """Return everything that was started."""
        return [*self.stores, *self.workers, self.world]

    def find_trouble(self, status_to_expect: int = 0) -> list[str]:
        """Return the lines of the logs that should not be there.

        :param status_to_expect: what the store may answer, though it is a failure.
        """
        return [
            f"{program.name}.log: {line}"
            for program in self.programs
            for line in program.text.splitlines()
            if _TROUBLE.search(line) and f'"status": {status_to_expect},' not in line
        ]


@contextmanager
def running_store(
    server: str | None, folder: Path, stores: int = 1, workers: int = 1, disk: Path | None = None
) -> Iterator[RunningStore]:
    """Start everything on a fresh database, and stop it whatever happens.

    :param server: as for `fresh_database`.
    :param disk: a folder for the file of SQLite, where it is not to lie beside the logs.
    """
    with ExitStack() as ending:
        database_url = ending.enter_context(fresh_database(server, disk or folder))
        tether = _open_tether(ending)
        ports = [unused_port() for _ in range(stores + 2)]
        urls = [f"http://{LOOPBACK}:{port}" for port in ports]
        settings = _settings(database_url, urls, ports[-1])
        commands = _commands(ports, folder, workers)
        programs = [
            Program(name, command, _READY[name.partition("-")[0]], settings, folder, tether)
            for name, command in commands.items()
        ]
        for program in programs:
            ending.callback(program.stop)
            program.start()
        outside = Outside(urls[-2])
        ending.callback(outside.close)
        _wait_until_up(programs, [*(f"{url}/" for url in urls[:stores]), f"{urls[-2]}/health"])
        selling, world, working = programs[:stores], programs[stores], programs[stores + 1 :]
        yield RunningStore(database_url, urls[:stores], selling, working, world, outside)


def _commands(ports: list[int], folder: Path, workers: int) -> Mapping[str, list[str]]:
    *stores, world, smtp = ports
    webhooks = f"http://{LOOPBACK}:{stores[0]}/webhooks/payments"
    serve = ["--threads=16", "--call", "shop:create_app"]
    return {
        **{
            f"store-{nth}": ["waitress", f"--listen={LOOPBACK}:{port}", *serve]
            for nth, port in enumerate(stores, 1)
        },
        "world": [
            *("scenarios.world", f"--port={world}", f"--smtp-port={smtp}"),
            *(f"--data-dir={folder / 'world'}", f"--webhook-url={webhooks}"),
        ],
        **{f"worker-{nth}": ["flask", "--app", "shop", "worker"] for nth in range(1, workers + 1)},
    }


def _settings(database_url: str, urls: list[str], smtp_port: int) -> dict[str, str]:
    left_out = ("SHOP_", "WORLD_", "FLASK_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    world = urls[-2]
    return kept | {
        "PYTHONUNBUFFERED": "1",
        # As in the Dockerfile, and for its reason.
        "MALLOC_TRIM_THRESHOLD_": "131072",
        "SHOP_DATABASE_URL": database_url,
        "SHOP_SECRET_KEY": "secret key of the load tests",
        "SHOP_BASE_URL": urls[0],
        "SHOP_PAYMENTS_URL": f"{world}/payments",
        "SHOP_PAYMENTS_API_KEY": _API_KEY,
        "SHOP_PAYMENTS_WEBHOOK_SECRET": _WEBHOOK_SECRET,
        "SHOP_CARRIER_URL": f"{world}/carrier",
        "SHOP_SUGGESTIONS_URL": f"{world}/suggestions",
        "SHOP_SMTP_URL": f"smtp://{LOOPBACK}:{smtp_port}",
        "SHOP_JOB_LEASE_SECONDS": "3",
        "SHOP_POLL_SECONDS": "1",
        "WORLD_CONTROL_TOKEN": CONTROL_TOKEN,
        "WORLD_PAYMENTS_API_KEY": _API_KEY,
        "WORLD_WEBHOOK_SECRET": _WEBHOOK_SECRET,
    }


def _wait_until_up(programs: list[Program], addresses: list[str]) -> None:
    for _ in poll(SECONDS_TO_START):
        for program in programs:
            program.check_alive()
        if all(program.is_ready for program in programs) and all(map(_answers, addresses)):
            return
    raise RuntimeError("\n".join(f"{each.name}: {each.last_lines}" for each in programs))


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False, timeout=10).is_success
    except httpx.TransportError:
        return False


def _open_tether(ending: ExitStack) -> int:
    reading, writing = os.pipe()
    ending.callback(os.close, reading)
    ending.callback(os.close, writing)
    return reading
