"""Doing a thing once, however often a caller asks for it with the same key.

The effect and the answer are written in one transaction. Refusals of state (409) are
remembered as well; malformed calls and 5xx answers are not, since nothing was decided.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, g, jsonify, request

from scenarios.world.context import World
from scenarios.world.refusals import Refusal


@dataclass(frozen=True)
class Answer:
    """A status and a JSON body, made now or remembered."""

    status: int
    body: dict[str, Any]
    is_replay: bool = False


@dataclass(frozen=True)
class Attempt:
    """One call that carries an idempotency key, with the fingerprint of what it asks."""

    service: str
    key: str
    fingerprint: str


def read_attempt(service: str, body: dict[str, Any]) -> Attempt:
    """Return the attempt that the current call is.

    :raises Refusal: when its Idempotency-Key is missing or is not 1 to 255 characters.
    """
    key = request.headers.get("Idempotency-Key", "")
    if not 1 <= len(key) <= 255:
        raise Refusal(
            400, "idempotency_key_required", "Send an Idempotency-Key of 1 to 255 characters."
        )
    asked = json.dumps([request.method, request.path, body], sort_keys=True)
    return Attempt(service, key, hashlib.sha256(asked.encode()).hexdigest())


def find_answer(db: sqlite3.Connection, attempt: Attempt) -> Answer | None:
    """Return the answer that the attempt's key was given before, if it was.

    :raises Refusal: when the key was used for something else.
    """
    row = db.execute(
        "SELECT fingerprint, status, body FROM answers WHERE service = ? AND idempotency_key = ?",
        (attempt.service, attempt.key),
    ).fetchone()
    if row is None:
        return None
    if row["fingerprint"] != attempt.fingerprint:
        raise Refusal(
            422,
            "idempotency_key_reused",
            "This Idempotency-Key was used before, for a call with other parameters.",
        )
    return Answer(row["status"], json.loads(row["body"]), is_replay=True)


def was_answered(world: World, attempt: Attempt) -> bool:
    """Tell whether an attempt would get a remembered answer."""
    with world.ledger.transaction() as db:
        return find_answer(db, attempt) is not None


def do_once(
    world: World, attempt: Attempt, effect: Callable[[sqlite3.Connection], Answer]
) -> Response:
    """Do the effect and remember its answer, or give the remembered one."""
    with world.ledger.transaction() as db:
        answer = find_answer(db, attempt)
        if answer is None:
            answer = _refusals_answered(db, effect)
            _remember(db, attempt, answer)
    world.wake()
    return _as_response(answer)


def _refusals_answered(
    db: sqlite3.Connection, effect: Callable[[sqlite3.Connection], Answer]
) -> Answer:
    try:
        return effect(db)
    except Refusal as refusal:
        if refusal.status != 409:
            raise
        return Answer(refusal.status, refusal.body)


def _remember(db: sqlite3.Connection, attempt: Attempt, answer: Answer) -> None:
    db.execute(
        "INSERT INTO answers (service, idempotency_key, fingerprint, status, body)"
        " VALUES (?, ?, ?, ?, ?)",
        (attempt.service, attempt.key, attempt.fingerprint, answer.status, json.dumps(answer.body)),
    )


def _as_response(answer: Answer) -> Response:
    response = jsonify(answer.body)
    response.status_code = answer.status
    if answer.is_replay:
        g.outcome = "replayed"
        response.headers["Idempotent-Replay"] = "true"
    return response
