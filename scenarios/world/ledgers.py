"""The ledgers as programs read them: everything that happened, in order."""

import json
import sqlite3
from collections.abc import Callable
from typing import Any

Lists = dict[str, Any]

# How a card will behave is the provider's own business.
_HIDDEN = {"behavior"}


def read_ledger(db: sqlite3.Connection, service: str, last: int) -> Lists:
    """Return a service's ledger; each list is oldest first and holds the last so many rows."""
    lists = _LEDGERS[service](db, last)
    calls = _rows(db, "SELECT * FROM calls WHERE service = :service", last, service=service)
    return lists | {"calls": calls}


def has_ledger(service: str) -> bool:
    """Tell whether there is such a service."""
    return service in _LEDGERS


def count_rows(db: sqlite3.Connection) -> dict[str, int]:
    """Count what the index page shows."""
    row = db.execute(
        "SELECT (SELECT COUNT(*) FROM payments) AS payments,"
        " (SELECT COUNT(*) FROM events) AS events,"
        " (SELECT COUNT(*) FROM parcels) AS parcels,"
        " (SELECT COUNT(*) FROM mails) AS mails"
    ).fetchone()
    return dict(row)


def _payments(db: sqlite3.Connection, last: int) -> Lists:
    events = _rows(db, "SELECT seq, body FROM events", last)
    deliveries = _rows(
        db,
        "SELECT deliveries.seq, events.id AS event_id, events.type, copy, state, made_at, due_at,"
        " tries FROM deliveries JOIN events ON events.seq = deliveries.event_seq",
        last,
    )
    return {
        "payments": _rows(db, "SELECT * FROM payments", last),
        "events": [{"seq": event["seq"], **json.loads(event["body"])} for event in events],
        "deliveries": deliveries,
        "tries": _rows(db, "SELECT * FROM tries", last),
    }


def _carrier(db: sqlite3.Connection, last: int) -> Lists:
    return {"parcels": _rows(db, "SELECT * FROM parcels", last)}


def _suggestions(db: sqlite3.Connection, _last: int) -> Lists:
    rows = db.execute("SELECT sku, skus FROM also_bought ORDER BY sku").fetchall()
    return {"also_bought": {row["sku"]: json.loads(row["skus"]) for row in rows}}


def _mail(db: sqlite3.Connection, last: int) -> Lists:
    mails = _rows(
        db,
        "SELECT seq, id, message_id, sender, recipients, subject, text, received_at FROM mails",
        last,
    )
    for mail in mails:
        mail["recipients"] = json.loads(mail["recipients"])
    return {"mails": mails}


_LEDGERS: dict[str, Callable[[sqlite3.Connection, int], Lists]] = {
    "payments": _payments,
    "carrier": _carrier,
    "mail": _mail,
    "suggestions": _suggestions,
}


def _rows(db: sqlite3.Connection, query: str, last: int, **values: str) -> list[dict[str, Any]]:
    # The queries are written in this file; what callers give goes in as values.
    newest = f"SELECT * FROM ({query}) ORDER BY seq DESC LIMIT :last"  # noqa: S608
    rows = db.execute(newest, {"last": last, **values}).fetchall()
    return [
        {name: value for name, value in dict(row).items() if name not in _HIDDEN}
        for row in reversed(rows)
    ]
