"""The API of Tillpost, the payment provider."""

import hmac
from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from scenarios.world import payment_book
from scenarios.world.bodies import get_code, get_query, get_text, get_whole_number, read_object
from scenarios.world.cards import SLOW_SECONDS, get_card, make_token
from scenarios.world.conditions import take_one
from scenarios.world.context import current_world
from scenarios.world.gates import guard
from scenarios.world.idempotency import Answer, do_once, read_attempt, was_answered
from scenarios.world.refusals import Refusal

payments = Blueprint("payments", __name__, url_prefix="/payments/v1")
guard(payments, "payments")

MOST = 99_999_999


@payments.before_request
def require_api_key() -> None:
    """Refuse a call without the store's key."""
    given = request.headers.get("Authorization", "")
    wanted = f"Bearer {current_world().settings.payments_api_key}"
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        raise Refusal(401, "unauthorized", "Send Authorization: Bearer with the API key.")


@payments.after_request
def drop_response(response: Response) -> Response:
    """Answer 504 to a call that has taken effect, when the conditions say so."""
    has_effect = request.method == "POST" and request.endpoint != "payments.create_token"
    if not has_effect or not 200 <= response.status_code < 300:
        return response
    world = current_world()
    with world.ledger.transaction() as db:
        is_dropped = take_one(db, "payments", "drop_response_next")
    if not is_dropped:
        return response
    g.outcome = "response dropped"
    lost = jsonify(Refusal(504, "gateway_timeout", "The answer was lost on its way.").body)
    lost.status_code = 504
    return lost


@payments.post("/tokens")
def create_token() -> tuple[Response, int]:
    """Swap a card number for a token."""
    number = get_text(read_object("number"), "number", longest=40)
    with current_world().ledger.transaction() as db:
        token, card = make_token(db, number)
    return jsonify(token=token, brand=card.brand, last4=card.last4), 201


@payments.post("/payments")
def authorize() -> Response:
    """Authorize a payment."""
    world = current_world()
    body = read_object("reference", "amount", "currency", "token")
    charge = payment_book.Charge(
        reference=get_text(body, "reference"),
        amount=get_whole_number(body, "amount", 1, MOST),
        currency=get_code(body, "currency", 3),
        token=get_text(body, "token"),
    )
    attempt = read_attempt("payments", body)
    if not was_answered(world, attempt):
        _wait_for_bank(charge.token)
    return do_once(
        world, attempt, lambda db: _answer(201, payment_book.authorize(db, charge, world.clock()))
    )


@payments.post("/payments/<payment_id>/capture")
def capture(payment_id: str) -> Response:
    """Begin to take the money of an authorized payment."""
    world = current_world()
    attempt = read_attempt("payments", read_object_without_fields())
    return do_once(
        world,
        attempt,
        lambda db: _answer(202, payment_book.start_capture(db, payment_id, world.clock())),
    )


@payments.post("/payments/<payment_id>/void")
def void(payment_id: str) -> Response:
    """Give up an authorization."""
    world = current_world()
    attempt = read_attempt("payments", read_object_without_fields())
    return do_once(
        world, attempt, lambda db: _answer(200, payment_book.void(db, payment_id, world.clock()))
    )


@payments.post("/payments/<payment_id>/refund")
def refund(payment_id: str) -> Response:
    """Give back some or all of the money that was captured."""
    world = current_world()
    body = read_object("amount")
    amount = get_whole_number(body, "amount", 1, MOST)
    return do_once(
        world,
        read_attempt("payments", body),
        lambda db: _answer(200, payment_book.refund(db, payment_id, amount, world.clock())),
    )


@payments.get("/payments/<payment_id>")
def show(payment_id: str) -> Response:
    """Show a payment."""
    with current_world().ledger.transaction() as db:
        return jsonify(payment_book.as_json(payment_book.get_payment(db, payment_id)))


@payments.get("/payments")
def find() -> Response:
    """List the payments with a reference, oldest first."""
    reference = get_query("reference")
    with current_world().ledger.transaction() as db:
        found = payment_book.find_payments(db, reference)
    return jsonify(payments=[payment_book.as_json(payment) for payment in found])


def read_object_without_fields() -> dict[str, Any]:
    """Return the empty object that a call without parameters brings.

    :raises Refusal: when it brings any field.
    """
    body = read_object()
    if body:
        raise Refusal(422, "unknown_field", "This call takes no fields.")
    return body


def _wait_for_bank(token: str) -> None:
    world = current_world()
    with world.ledger.transaction() as db:
        card = get_card(db, token)
    if card.behavior == "is_slow":
        world.pause("bank", SLOW_SECONDS)


def _answer(status: int, payment: Any) -> Answer:
    return Answer(status, payment_book.as_json(payment))
