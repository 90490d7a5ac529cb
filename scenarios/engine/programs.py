"""What `up` runs: the store, its worker and the outside world, with their settings."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from scenarios.engine.keys import Keys
from scenarios.engine.sandbox import Sandbox

LOOPBACK = "127.0.0.1"
# What the warm parent forks, and the colors of their lines; and what of it runs the store's code.
FORKED = {"store": "cyan", "worker": "yellow", "nursery": "green"}
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
    """One process to keep alive: a Python module with its arguments and environment."""

    name: str
    color: str
    module: str
    arguments: tuple[str, ...]
    environment: dict[str, str]


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
        # Without these glibc keeps 20 MB for each thread that has ever checked a password, and a
        # little of everything for each thread there is.
        "MALLOC_TRIM_THRESHOLD_": "131072",
        "MALLOC_ARENA_MAX": "1",
    }


def all_programs(
    sandbox: Sandbox, keys: Keys, addresses: Addresses, settings: dict[str, str]
) -> tuple[Program, ...]:
    """Return the programs in the order in which they start; the warm parent forks two more."""
    world_settings = clean_environment() | {
        "WORLD_CONTROL_TOKEN": keys.control_token,
        "WORLD_PAYMENTS_API_KEY": keys.payments_api_key,
        "WORLD_WEBHOOK_SECRET": keys.webhook_secret,
    }
    role = {
        "root": str(sandbox.root),
        "listen": [f"{host}:{addresses.store_port}" for host in store_hosts(addresses.host)],
        "prefix": addresses.prefix,
    }
    world_options = (
        f"--port={addresses.world_port}",
        f"--smtp-port={addresses.smtp_port}",
        f"--data-dir={sandbox.world}",
        f"--webhook-url={addresses.store}/webhooks/payments",
    )
    return (
        Program("warm", "blue", "scenarios.engine.warm", (json.dumps(role),), settings),
        Program("world", "magenta", "scenarios.world", world_options, world_settings),
    )


def store_hosts(host: str) -> tuple[str, ...]:
    """Return where the store listens: always here too, since webhooks come from this machine."""
    if host in (LOOPBACK, "localhost"):
        return (LOOPBACK,)
    if host == "0.0.0.0":  # noqa: S104  It is compared with, and told in red by `up`.
        return (host,)
    return (LOOPBACK, f"[{host}]" if ":" in host else host)


def clean_environment() -> dict[str, str]:
    """Return the environment that programs of the sandbox begin with.

    Settings left in the shell by another project must not reach the store, and a company's proxy
    must not be asked for addresses of this machine.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SHOP_", "WORLD_", "FLASK_"))
    }
    own = {"PYTHONUNBUFFERED": "1", "NO_PROXY": "127.0.0.1,localhost"}
    return kept | own | {"no_proxy": own["NO_PROXY"]}


def without_password(url: str) -> str:
    """Return a database's URL as it may be shown."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return url.replace(f":{parts.password}@", ":***@", 1)
