"""The API that says what else customers bought, from a list that control puts there."""

import json

from flask import Blueprint, Response, jsonify

from scenarios.world.bodies import get_query
from scenarios.world.context import current_world
from scenarios.world.gates import guard

suggestions = Blueprint("suggestions", __name__, url_prefix="/suggestions/v1")
guard(suggestions, "suggestions")


@suggestions.get("/also-bought")
def also_bought() -> Response:
    """List the SKUs that go with one, always in the same order."""
    sku = get_query("sku")
    with current_world().ledger.transaction() as db:
        row = db.execute("SELECT skus FROM also_bought WHERE sku = ?", (sku,)).fetchone()
    return jsonify(skus=json.loads(row["skus"]) if row else [])
