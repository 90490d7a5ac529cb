"""Settings, read once from the environment; `docs/settings.md` explains each."""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from click import ClickException

_MOST_SECONDS = 86_400
_YES, _NO = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
_FLAGS = dict.fromkeys(_YES, True) | dict.fromkeys(_NO, False)


class SettingsError(ClickException):
    """The environment lacks what the store needs, or says it in a way that is unclear.

    The `flask` command shows its sentence and no traceback.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What differs between installations: `secret_key` is SHOP_SECRET_KEY in the environment.

    A store that is `alone` imitates the outside world in its own process.
    """

    secret_key: str
    database_url: str
    base_url: str
    payments_url: str
    payments_api_key: str
    payments_webhook_secret: str
    carrier_url: str
    smtp_url: str
    suggestions_url: str = ""
    mail_from: str = "Brindle & Bolt <orders@brindle.example>"
    job_lease_seconds: int = 60
    poll_seconds: int = 60
    time_zone: ZoneInfo = field(default=ZoneInfo("Europe/London"))
    page_cache_seconds: int = field(default=10, metadata={"least": 0})
    alone: bool = False
    picture_hosts: str = ""


def read_settings(environment: Mapping[str, str], *, debug: bool, instance_path: str) -> Settings:
    """Read the settings; with `debug` and without a payment provider the store runs alone.

    :raises SettingsError: when a setting is missing, unknown, or cannot be understood.
    """
    named = {_name_of(each): each for each in fields(Settings)}
    set_here = {n: text for n, text in environment.items() if n.startswith("SHOP_") and text}
    unknown = [n for n in set_here if n not in named and not n.startswith("SHOP_TEST_")]
    if unknown:
        # A misspelled setting would silently do nothing.
        raise SettingsError(f"The store knows no {', '.join(unknown)}: see docs/settings.md.")
    given = {f.name: _PARSERS[f.type](f, set_here[n]) for n, f in named.items() if n in set_here}
    if given.setdefault("alone", debug and "payments_url" not in given):
        if "payments_url" in given:
            raise SettingsError("SHOP_ALONE and SHOP_PAYMENTS_URL exclude each other: unset one.")
        given = {**_stand_in(instance_path), **given}
    missing = [n for n, f in named.items() if f.default is MISSING and f.name not in given]
    if missing:
        raise SettingsError(
            f"The store needs {', '.join(missing)}: see docs/settings.md. To try it alone, start "
            "it with --debug and without SHOP_PAYMENTS_URL and SHOP_ALONE."
        )
    return Settings(**given)


def _name_of(setting: Field[Any]) -> str:
    return f"SHOP_{setting.name.upper()}"


def _stand_in(instance_path: str) -> dict[str, str]:
    """Stand in for an installation's settings; nobody signs webhooks for a store that is alone."""
    return {
        "secret_key": "only for trying the store alone",
        "database_url": f"sqlite:///{instance_path}/store.sqlite3",
        "base_url": "http://127.0.0.1:5000",
        "payments_webhook_secret": secrets.token_hex(),
        **dict.fromkeys(("payments_url", "payments_api_key", "carrier_url", "smtp_url"), ""),
    }


def _parse_seconds(setting: Field[Any], text: str) -> int:
    least = setting.metadata.get("least", 1)
    if not re.fullmatch("[0-9]{1,5}", text) or not least <= int(text) <= _MOST_SECONDS:
        raise SettingsError(f"{_name_of(setting)} is in seconds, {least} to 86400, not {text!r}.")
    return int(text)


def _parse_flag(setting: Field[Any], text: str) -> bool:
    # To Python any text is true, "false" with the others.
    if text.lower() not in _FLAGS:
        raise SettingsError(f"{_name_of(setting)} is one of {', '.join(_FLAGS)}, not {text!r}.")
    return _FLAGS[text.lower()]


def _parse_zone(setting: Field[Any], text: str) -> ZoneInfo:
    if text not in available_timezones():
        raise SettingsError(f"{_name_of(setting)} is no time zone: {text!r}.")
    return ZoneInfo(text)


_PARSERS: Mapping[Any, Callable[[Field[Any], str], Any]] = {
    str: lambda _setting, text: text,
    int: _parse_seconds,
    bool: _parse_flag,
    ZoneInfo: _parse_zone,
}
