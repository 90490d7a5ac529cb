"""Settings, read once from the environment; `docs/settings.md` explains each."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from click import ClickException

_MOST_SECONDS = 86_400


class SettingsError(ClickException):
    """The environment lacks what the store needs, or says it in a way that is unclear.

    The `flask` command shows its sentence and no traceback.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What differs between installations: `secret_key` is SHOP_SECRET_KEY in the environment."""

    secret_key: str
    database_url: str
    base_url: str
    payments_url: str
    payments_api_key: str
    payments_webhook_secret: str
    carrier_url: str
    smtp_url: str
    mail_from: str = "Brindle & Bolt <orders@brindle.example>"
    job_lease_seconds: int = 60
    poll_seconds: int = 60
    picture_hosts: str = ""

    @property
    def is_alone(self) -> bool:
        """Whether no outside world is configured, so that the store imitates it."""
        return not self.payments_url


def read_settings(environment: Mapping[str, str], *, debug: bool, instance_path: str) -> Settings:
    """Read the settings; with `debug` and without a payment provider the store runs alone.

    :raises SettingsError: when a setting is missing or cannot be understood.
    """
    environment = {name: value for name, value in environment.items() if value}
    if debug and "SHOP_PAYMENTS_URL" not in environment:
        environment = {**_alone(instance_path), **environment}
    named = {f"SHOP_{field.name.upper()}": field for field in fields(Settings)}
    missing = [n for n, f in named.items() if f.default is MISSING and n not in environment]
    if missing:
        raise SettingsError(
            f"The store needs {', '.join(missing)}: see docs/settings.md. To try it alone, start "
            "it with --debug and without SHOP_PAYMENTS_URL."
        )
    given: dict[str, Any] = {f.name: environment[n] for n, f in named.items() if n in environment}
    for name in ("job_lease_seconds", "poll_seconds"):
        if name in given:
            given[name] = _parse_seconds(name, given[name])
    return Settings(**given)


def _alone(instance_path: str) -> dict[str, str]:
    """Stand in for an installation's settings; nobody signs webhooks for a store that is alone."""
    return {
        "SHOP_SECRET_KEY": "only for trying the store alone",
        "SHOP_DATABASE_URL": f"sqlite:///{instance_path}/store.sqlite3",
        "SHOP_BASE_URL": "http://127.0.0.1:5000",
        "SHOP_PAYMENTS_URL": "",
        "SHOP_PAYMENTS_API_KEY": "",
        "SHOP_PAYMENTS_WEBHOOK_SECRET": secrets.token_hex(),
        "SHOP_CARRIER_URL": "",
        "SHOP_SMTP_URL": "",
    }


def _parse_seconds(name: str, value: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", value) or not 1 <= int(value) <= _MOST_SECONDS:
        raise SettingsError(f"SHOP_{name.upper()} is in seconds, 1 to 86400, not {value!r}.")
    return int(value)
