"""Events of the provider, and the copies of them that wait to be delivered.

Every event is kept. How many copies are queued, and when each is due, is decided by
the conditions at the moment the event is made.
"""

import json
import secrets
import sqlite3
from datetime import datetime, timedelta
from typing import Any

from scenarios.world.clock import as_text, later
from scenarios.world.conditions import get_conditions

TRIES_AT_MOST = 20


def queue_event(db: sqlite3.Connection, kind: str, data: dict[str, Any], now: datetime) -> None:
    """Keep an event, and queue its copies unless webhooks are off."""
    event_id = f"evt_{secrets.token_hex(12)}"
    body = {"id": event_id, "type": kind, "created_at": as_text(now), "data": data}
    event = db.execute(
        "INSERT INTO events (id, type, body) VALUES (?, ?, ?)", (event_id, kind, json.dumps(body))
    )
    conditions = get_conditions(db, "payments")
    if not conditions["webhooks"]:
        return
    state = "held" if conditions["webhook_order"] == "reversed" else "pending"
    due_at = later(now, conditions["webhook_delay_seconds"])
    db.executemany(
        "INSERT INTO deliveries (event_seq, copy, state, made_at, due_at, turn)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [
            (event.lastrowid, copy, state, as_text(now), due_at, event.lastrowid)
            for copy in range(1, conditions["webhook_copies"] + 1)
        ],
    )


def release_held(db: sqlite3.Connection, now: datetime) -> None:
    """Let held deliveries go, newest first, once the batch is full or has waited long enough."""
    held = db.execute(
        "SELECT COUNT(DISTINCT event_seq) AS events, MIN(made_at) AS oldest, MAX(due_at) AS due_at"
        " FROM deliveries WHERE state = 'held'"
    ).fetchone()
    conditions = get_conditions(db, "payments")
    waited = as_text(now - timedelta(seconds=conditions["webhook_hold_seconds"]))
    is_full = held["events"] >= conditions["webhook_batch"]
    if not held["events"]:
        return
    if is_full or held["oldest"] <= waited or conditions["webhook_order"] == "as_made":
        db.execute(
            "UPDATE deliveries SET state = 'pending', turn = -event_seq, due_at = ?"
            " WHERE state = 'held'",
            (held["due_at"],),
        )


def find_due(db: sqlite3.Connection, now: datetime) -> sqlite3.Row | None:
    """Return the delivery whose turn it is, with its event; None when none is due."""
    if not get_conditions(db, "payments")["webhooks"]:
        return None
    row: sqlite3.Row | None = db.execute(
        "SELECT deliveries.*, events.id AS event_id, events.type, events.body FROM deliveries"
        " JOIN events ON events.seq = deliveries.event_seq"
        " WHERE state = 'pending' AND due_at <= ? ORDER BY due_at, turn, copy LIMIT 1",
        (as_text(now),),
    ).fetchone()
    return row


def find_next_moment(db: sqlite3.Connection) -> str | None:
    """Return when there will be something to deliver or to release; None when nothing waits."""
    conditions = get_conditions(db, "payments")
    if not conditions["webhooks"]:
        return None
    pending = db.execute(
        "SELECT MIN(due_at) AS at FROM deliveries WHERE state = 'pending'"
    ).fetchone()["at"]
    oldest = db.execute(
        "SELECT MIN(made_at) AS at FROM deliveries WHERE state = 'held'"
    ).fetchone()["at"]
    if oldest is None:
        return pending  # type: ignore[no-any-return]  # sqlite3 rows are not typed
    held = later(datetime.fromisoformat(oldest), conditions["webhook_hold_seconds"])
    return min(pending, held) if pending else held


def record_try(
    db: sqlite3.Connection,
    delivery: sqlite3.Row,
    now: datetime,
    status: int | None,
    problem: str | None,
    ms: float,
) -> str:
    """Keep the outcome of one try, decide what comes next, and return the new state."""
    number = delivery["tries"] + 1
    state = _state_after(status, number)
    db.execute(
        "UPDATE deliveries SET state = ?, tries = ?, due_at = ? WHERE seq = ?",
        (state, number, later(now, wait_after(number)), delivery["seq"]),
    )
    # A reset may have emptied the ledger while the try was under way.
    if db.execute("SELECT 1 FROM deliveries WHERE seq = ?", (delivery["seq"],)).fetchone():
        db.execute(
            "INSERT INTO tries (delivery_seq, event_id, copy, number, at, status, problem, ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(delivery["seq"], delivery["event_id"], delivery["copy"], number),
                *(as_text(now), status, problem, ms),
            ),
        )
    return state


def wait_after(tries: int) -> float:
    """Return the seconds between a failed try and the next: 0.5, doubling up to 30."""
    return min(0.5 * 2.0 ** (tries - 1), 30.0)


def _state_after(status: int | None, tries: int) -> str:
    if status is not None and 200 <= status < 300:
        return "delivered"
    return "given_up" if tries >= TRIES_AT_MOST else "pending"
