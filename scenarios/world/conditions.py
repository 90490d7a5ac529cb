"""How the outside world behaves: slow, failing, repeating, or well.

Only what differs from the default is kept, so deleting a service's rows puts it back.
Seconds are real seconds; the `..._next` conditions count down to 0 with each use.
"""

import json
import math
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scenarios.world.refusals import Refusal

Values = dict[str, Any]


@dataclass(frozen=True)
class Condition:
    """What one condition is by default, which values it takes, and those values in words."""

    default: Any
    accepts: Callable[[Any], bool]
    wanted: str


def _seconds(default: float, most: float) -> Condition:
    return Condition(default, lambda value: _is_between(value, 0, most), f"0 to {most} seconds")


def _count(default: int, least: int, most: int) -> Condition:
    def accepts(value: Any) -> bool:
        return isinstance(value, int) and _is_between(value, least, most)

    return Condition(default, accepts, f"a whole number from {least} to {most}")


def _switch(default: bool) -> Condition:
    return Condition(default, lambda value: isinstance(value, bool), "true or false")


def _one_of(default: str, *others: str) -> Condition:
    choices = (default, *others)
    return Condition(
        default,
        lambda value: isinstance(value, str) and value in choices,
        " or ".join(f'"{choice}"' for choice in choices),
    )


def _is_between(value: Any, least: float, most: float) -> bool:
    # In Python, True is a number and not-a-number is a float; neither is an amount of anything.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and least <= value <= most


def _is_finite_json(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(_is_finite_json(item) for item in value.values())
    return all(_is_finite_json(item) for item in value) if isinstance(value, list) else True


_EVERY_SERVICE = {
    "latency_seconds": _seconds(0, 60),
    "fail_next": _count(0, 0, 1_000_000),
    "failing": _switch(False),
}

CONDITIONS: dict[str, dict[str, Condition]] = {
    "payments": {
        **_EVERY_SERVICE,
        "capture_seconds": _seconds(0.3, 3600),
        "drop_response_next": _count(0, 0, 1_000_000),
        "webhooks": _switch(True),
        "webhook_delay_seconds": _seconds(0, 3600),
        "webhook_copies": _count(1, 1, 10),
        "webhook_order": _one_of("as_made", "reversed"),
        "webhook_batch": _count(2, 2, 100),
        "webhook_hold_seconds": _seconds(2, 3600),
    },
    "carrier": {
        **_EVERY_SERVICE,
        "transit_seconds": _seconds(5, 86_400),
        "quote_amount": Condition(None, _is_finite_json, "null or any JSON value"),
    },
    "suggestions": {**_EVERY_SERVICE},
    "mail": {
        **_EVERY_SERVICE,
        "refuse": _switch(False),
        "drop_after_accept_next": _count(0, 0, 1_000_000),
    },
}


def get_conditions(db: sqlite3.Connection, service: str) -> Values:
    """Return every condition of a service.

    :raises Refusal: when there is no such service.
    """
    values = {name: condition.default for name, condition in _conditions_of(service).items()}
    rows = db.execute("SELECT name, value FROM conditions WHERE service = ?", (service,))
    return values | {row["name"]: json.loads(row["value"]) for row in rows}


def get_all_conditions(db: sqlite3.Connection) -> dict[str, Values]:
    """Return every condition of every service."""
    return {service: get_conditions(db, service) for service in CONDITIONS}


def find_changes(db: sqlite3.Connection) -> list[tuple[str, str, Any]]:
    """Return (service, name, value) of each condition that is not at its default."""
    return [
        (service, name, value)
        for service, values in get_all_conditions(db).items()
        for name, value in values.items()
        if value != CONDITIONS[service][name].default
    ]


def set_conditions(db: sqlite3.Connection, service: str, changes: Values) -> Values:
    """Change some conditions of a service, all of them or none, and return every one.

    :raises Refusal: when the service or a name is unknown, or a value is not one it takes.
    """
    known = _conditions_of(service)
    for name, value in changes.items():
        _refuse_wrong(service, name, value, known)
    db.executemany(
        "INSERT INTO conditions (service, name, value) VALUES (?, ?, ?)"
        " ON CONFLICT (service, name) DO UPDATE SET value = excluded.value",
        [(service, name, json.dumps(value)) for name, value in changes.items()],
    )
    return get_conditions(db, service)


def clear_conditions(db: sqlite3.Connection, service: str) -> Values:
    """Put every condition of a service back to its default, and return them.

    :raises Refusal: when there is no such service.
    """
    _conditions_of(service)
    db.execute("DELETE FROM conditions WHERE service = ?", (service,))
    return get_conditions(db, service)


def take_one(db: sqlite3.Connection, service: str, name: str) -> bool:
    """Use up one of a condition that counts down; False when none is left."""
    taken = db.execute(
        "UPDATE conditions SET value = CAST(CAST(value AS INTEGER) - 1 AS TEXT)"
        " WHERE service = ? AND name = ? AND CAST(value AS INTEGER) > 0",
        (service, name),
    )
    return taken.rowcount == 1


def _conditions_of(service: str) -> dict[str, Condition]:
    if service not in CONDITIONS:
        raise Refusal(
            404, "unknown_service", f'There is no "{service}"; there is {_listed(CONDITIONS)}.'
        )
    return CONDITIONS[service]


def _refuse_wrong(service: str, name: str, value: Any, known: dict[str, Condition]) -> None:
    if name not in known:
        raise Refusal(
            422,
            "unknown_condition",
            f'{service} has no condition "{name}"; it has {_listed(known)}.',
        )
    if not known[name].accepts(value):
        shown = json.dumps(value)[:80]
        raise Refusal(
            422, "invalid_condition", f"{name} must be {known[name].wanted}, not {shown}."
        )


def _listed(names: dict[str, Any]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}"
