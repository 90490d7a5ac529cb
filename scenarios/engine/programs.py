"""What `up` runs: the store, its worker and the outside world, with their settings."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from socket import socket
from typing import Any

from scenarios.engine.keys import Keys
from scenarios.engine.ports import LOOPBACK
from scenarios.engine.sandbox import Sandbox

# What runs the store's code, so that it is renewed with it.
RENEWED = ("store", "worker")
Say = Callable[[str], None]
# Runs a command of the store, such as "migrate", against the database with this URL.
RunStore = Callable[[str, str], None]


@dataclass(frozen=True)
class Addresses:
    """The ports of one running sandbox, and the host and path that the store listens on."""

    host: str = LOOPBACK
    store_port: int = 5000
    world_port: int = 5002
    smtp_port: int = 5025
    prefix: str = ""

    @property
    def store(self) -> str:
        """Return the store's address for this machine, without a final slash."""
        return f"http://{LOOPBACK}:{self.store_port}{self.prefix}"

    @property
    def world(self) -> str:
        """Return the outside world's address, without a final slash."""
        return f"http://{LOOPBACK}:{self.world_port}"


@dataclass(frozen=True)
class Program:
    """One process to keep alive: the name of a function of `launch.py`, and what that is given.

    It keeps the sandbox's lock open for as long as it lives.
    """

    name: str
    color: str
    lock: Connection
    environment: dict[str, str]
    run: str
    given: tuple[Any, ...]


def all_programs(
    sandbox: Sandbox,
    keys: Keys,
    addresses: Addresses,
    settings: dict[str, str],
    sockets: list[socket],
    lock: Connection,
) -> tuple[Program, ...]:
    """Return all programs; the store listens on the sockets."""
    store, world = (sandbox, sockets, addresses.prefix), world_options(sandbox, addresses)
    return (
        Program("store", "cyan", lock, settings, "run_store", store),
        Program("worker", "yellow", lock, settings, "run_worker", (sandbox,)),
        Program("world", "magenta", lock, world_settings(keys), "run_world", (world,)),
    )


def store_settings(keys: Keys, addresses: Addresses, database_url: str) -> dict[str, str]:
    """Return the whole environment of the store's processes."""
    return clean_environment() | {
        "SHOP_DATABASE_URL": database_url,
        "SHOP_SECRET_KEY": keys.store_secret_key,
        "SHOP_BASE_URL": addresses.store,
        "SHOP_PAYMENTS_URL": f"{addresses.world}/payments",
        "SHOP_PAYMENTS_API_KEY": keys.payments_api_key,
        "SHOP_PAYMENTS_WEBHOOK_SECRET": keys.webhook_secret,
        "SHOP_CARRIER_URL": f"{addresses.world}/carrier",
        "SHOP_SUGGESTIONS_URL": f"{addresses.world}/suggestions",
        "SHOP_SMTP_URL": f"smtp://{LOOPBACK}:{addresses.smtp_port}",
        "SHOP_MAIL_FROM": "Brindle & Bolt <orders@brindle.example>",
        # A parcel of this carrier is on its way for seconds, not for days.
        "SHOP_POLL_SECONDS": "2",
    }


def world_settings(keys: Keys) -> dict[str, str]:
    """Return the whole environment of the outside world."""
    return clean_environment() | {
        "WORLD_CONTROL_TOKEN": keys.control_token,
        "WORLD_PAYMENTS_API_KEY": keys.payments_api_key,
        "WORLD_WEBHOOK_SECRET": keys.webhook_secret,
    }


def world_options(sandbox: Sandbox, addresses: Addresses) -> list[str]:
    """Return the command line of the outside world."""
    return [
        f"--port={addresses.world_port}",
        f"--smtp-port={addresses.smtp_port}",
        f"--data-dir={sandbox.world}",
        f"--webhook-url={addresses.store}/webhooks/payments",
    ]


def clean_environment(*also_dropped: str) -> dict[str, str]:
    """Return the environment that programs of the sandbox begin with.

    Settings left in the shell by another project must not reach the store, and a company's proxy
    must not be asked for addresses of this machine.
    """
    dropped = ("SHOP_", "WORLD_", "FLASK_", *also_dropped)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    here = "127.0.0.1,localhost"
    return kept | {"PYTHONUNBUFFERED": "1", "NO_PROXY": here, "no_proxy": here}


def without_password(url: str) -> str:
    """Return a database's URL as it may be shown."""
    return re.sub(r"(?<=://)([^:/@]*):[^@/]*@", r"\1:***@", url)
