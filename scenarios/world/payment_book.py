"""The payments that the provider knows, and the steps they can take.

    authorized -> capturing -> captured -> refunded
        |             `-> authorized again, when the capture fails
        `-> voided
    declined

Amounts are whole numbers of minor units. Each step is one UPDATE that names the status
it starts from, and puts its event among the webhooks in the same transaction.
"""

import secrets
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scenarios.world.cards import get_card
from scenarios.world.clock import as_text, later
from scenarios.world.conditions import get_conditions
from scenarios.world.refusals import Refusal
from scenarios.world.webhook_queue import queue_event


@dataclass(frozen=True)
class Charge:
    """What a caller asks to be authorized."""

    reference: str
    amount: int
    currency: str
    token: str


def as_json(payment: sqlite3.Row) -> dict[str, Any]:
    """Return a payment as callers see it."""
    names = ("id", "reference", "amount", "currency", "status", "decline_reason")
    return {name: payment[name] for name in (*names, "captured_amount", "refunded_amount")}


def get_payment(db: sqlite3.Connection, payment_id: str) -> sqlite3.Row:
    """Return a payment.

    :raises Refusal: when there is none with this id.
    """
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM payments WHERE id = ?", (payment_id,)
    ).fetchone()
    if row is None:
        raise Refusal(404, "not_found", "There is no such payment.")
    return row


def find_payments(db: sqlite3.Connection, reference: str) -> list[sqlite3.Row]:
    """Return the payments with a reference, oldest first."""
    return db.execute(
        "SELECT * FROM payments WHERE reference = ? ORDER BY seq", (reference,)
    ).fetchall()


def authorize(db: sqlite3.Connection, charge: Charge, now: datetime) -> sqlite3.Row:
    """Add a payment, authorized or declined as its card says.

    :raises Refusal: when the token is unknown, or its card makes the provider fail.
    """
    card = get_card(db, charge.token)
    if card.behavior == "errs":
        raise Refusal(500, "provider_error", "Something went wrong at the provider.")
    is_declined = card.behavior == "declines"
    status, reason = ("declined", "insufficient_funds") if is_declined else ("authorized", None)
    payment_id = f"pay_{secrets.token_hex(12)}"
    db.execute(
        "INSERT INTO payments (id, reference, amount, currency, brand, last4, behavior, status,"
        " decline_reason, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(payment_id, charge.reference, charge.amount, charge.currency),
            *(card.brand, card.last4, card.behavior, status, reason, as_text(now)),
        ),
    )
    return _announce(db, payment_id, f"payment.{status}", now)


def start_capture(db: sqlite3.Connection, payment_id: str, now: datetime) -> sqlite3.Row:
    """Begin to take the money; `settle_captures` ends it a moment later.

    :raises Refusal: when the payment is unknown or not authorized.
    """
    wait = get_conditions(db, "payments")["capture_seconds"]
    begun = db.execute(
        "UPDATE payments SET status = 'capturing', settle_at = ?"
        " WHERE id = ? AND status = 'authorized'",
        (later(now, wait), payment_id),
    )
    payment = get_payment(db, payment_id)
    if begun.rowcount == 0:
        raise Refusal(409, "not_capturable", f"The payment is {payment['status']}.")
    return payment


def void(db: sqlite3.Connection, payment_id: str, now: datetime) -> sqlite3.Row:
    """Give up an authorization.

    :raises Refusal: when the payment is unknown or not authorized.
    """
    voided = db.execute(
        "UPDATE payments SET status = 'voided' WHERE id = ? AND status = 'authorized'",
        (payment_id,),
    )
    if voided.rowcount == 0:
        status = get_payment(db, payment_id)["status"]
        raise Refusal(409, "not_voidable", f"The payment is {status}.")
    return _announce(db, payment_id, "payment.voided", now)


def refund(db: sqlite3.Connection, payment_id: str, amount: int, now: datetime) -> sqlite3.Row:
    """Give money back, up to what was captured and not yet refunded.

    :raises Refusal: when the payment is unknown, was not captured, or has less left.
    """
    refunded = db.execute(
        "UPDATE payments SET refunded_amount = refunded_amount + :amount, status = CASE"
        " WHEN refunded_amount + :amount = captured_amount THEN 'refunded' ELSE status END"
        " WHERE id = :id AND status = 'captured'"
        " AND refunded_amount + :amount <= captured_amount",
        {"amount": amount, "id": payment_id},
    )
    if refunded.rowcount == 0:
        raise _why_no_refund(get_payment(db, payment_id))
    return _announce(db, payment_id, "payment.refunded", now)


def settle_captures(db: sqlite3.Connection, now: datetime) -> tuple[int, str | None]:
    """End the captures that are due; return how many, and the moment of the next one."""
    due = db.execute(
        "SELECT id, behavior FROM payments WHERE status = 'capturing' AND settle_at <= ?"
        " ORDER BY settle_at, seq",
        (as_text(now),),
    ).fetchall()
    for payment in due:
        _settle(db, payment["id"], payment["behavior"] == "fails_capture", now)
    following = db.execute(
        "SELECT MIN(settle_at) AS at FROM payments WHERE status = 'capturing'"
    ).fetchone()
    return len(due), following["at"]


def _settle(db: sqlite3.Connection, payment_id: str, fails: bool, now: datetime) -> None:
    db.execute(
        "UPDATE payments SET settle_at = NULL, status = ?,"
        " captured_amount = CASE WHEN ? THEN 0 ELSE amount END WHERE id = ?",
        ("authorized" if fails else "captured", fails, payment_id),
    )
    _announce(db, payment_id, "payment.failed" if fails else "payment.captured", now)


def _announce(db: sqlite3.Connection, payment_id: str, kind: str, now: datetime) -> sqlite3.Row:
    payment = get_payment(db, payment_id)
    names = ("reference", "amount", "currency", "captured_amount", "refunded_amount")
    data = {"payment_id": payment_id} | {name: payment[name] for name in names}
    queue_event(db, kind, data, now)
    return payment


def _why_no_refund(payment: sqlite3.Row) -> Refusal:
    if payment["status"] not in {"captured", "refunded"}:
        return Refusal(409, "not_refundable", f"The payment is {payment['status']}.")
    left = payment["captured_amount"] - payment["refunded_amount"]
    return Refusal(409, "refund_too_large", f"Only {left} is left to refund.")
