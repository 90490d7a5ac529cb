"""Control: reading the ledgers and changing how the outside world behaves.

Every change needs the control token, so that no page open in the same browser can make one.
"""

import hmac
import json

from flask import Blueprint, Response, jsonify, request

from scenarios.world import conditions
from scenarios.world.bodies import find_last, read_object
from scenarios.world.context import current_world
from scenarios.world.ledgers import has_ledger, read_ledger
from scenarios.world.refusals import Refusal

control = Blueprint("control", __name__, url_prefix="/control")


@control.before_request
def require_token() -> None:
    """Refuse a change by someone who does not have the token."""
    if request.method in {"GET", "HEAD", "OPTIONS"}:
        return
    given = request.headers.get("Authorization", "")
    wanted = f"Bearer {current_world().settings.control_token}"
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        raise Refusal(401, "unauthorized", "Send Authorization: Bearer with the control token.")


@control.get("/conditions")
def show_conditions() -> Response:
    """Show how every service behaves."""
    with current_world().ledger.transaction() as db:
        return jsonify(conditions.get_all_conditions(db))


@control.get("/conditions/<service>")
def show_conditions_of(service: str) -> Response:
    """Show how one service behaves."""
    with current_world().ledger.transaction() as db:
        return jsonify(conditions.get_conditions(db, service))


@control.patch("/conditions/<service>")
def change_conditions(service: str) -> Response:
    """Change some conditions of a service."""
    changes = read_object()
    with current_world().ledger.transaction() as db:
        values = conditions.set_conditions(db, service, changes)
    _apply_now(service)
    return jsonify(values)


@control.delete("/conditions/<service>")
def reset_conditions(service: str) -> Response:
    """Let a service behave well again."""
    with current_world().ledger.transaction() as db:
        values = conditions.clear_conditions(db, service)
    _apply_now(service)
    return jsonify(values)


@control.get("/ledgers/<service>")
def show_ledger(service: str) -> Response:
    """Show all that a service did, or the end of it with ?last=."""
    if not has_ledger(service):
        raise Refusal(404, "unknown_service", "There is no ledger of this name.")
    last = find_last()
    with current_world().ledger.transaction() as db:
        return jsonify(read_ledger(db, service, last))


@control.put("/suggestions")
def put_suggestions() -> Response:
    """Replace the list of what is also bought: an object of SKU to list of SKUs."""
    lists = read_object()
    for sku, skus in lists.items():
        if not isinstance(skus, list) or not all(isinstance(other, str) for other in skus):
            raise Refusal(422, "invalid_request", f"{json.dumps(sku)[:80]} needs a list of SKUs.")
    with current_world().ledger.transaction() as db:
        db.execute("DELETE FROM also_bought")
        db.executemany(
            "INSERT INTO also_bought (sku, skus) VALUES (?, ?)",
            [(sku, json.dumps(skus)) for sku, skus in lists.items()],
        )
    return jsonify(lists)


@control.post("/reset")
def reset() -> Response:
    """Empty every ledger and put every condition back."""
    current_world().ledger.empty()
    for service in conditions.CONDITIONS:
        _apply_now(service)
    return jsonify(status="reset")


def _apply_now(service: str) -> None:
    # Calls that wait because of an earlier condition would keep it in force for up to a minute.
    current_world().end_pauses(service)
    current_world().wake()
