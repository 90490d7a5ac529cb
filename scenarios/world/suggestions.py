"""The API that says what else customers bought, from a list that control puts there.

Until it does, the list of the standard store holds.
"""

import json
import tomllib
from importlib import resources

from flask import Blueprint, Response, jsonify

from scenarios.world.bodies import get_query
from scenarios.world.context import current_world
from scenarios.world.gates import guard

suggestions = Blueprint("suggestions", __name__, url_prefix="/suggestions/v1")
guard(suggestions, "suggestions")

_LIST = resources.files("seed_data").joinpath("also_bought.toml")
STANDARD: dict[str, list[str]] = tomllib.loads(_LIST.read_text(encoding="utf-8"))


@suggestions.get("/also-bought")
def also_bought() -> Response:
    """List the SKUs that go with one, always in the same order."""
    sku = get_query("sku")
    with current_world().ledger.transaction() as db:
        rows = db.execute("SELECT sku, skus FROM also_bought").fetchall()
    lists = {row["sku"]: json.loads(row["skus"]) for row in rows} or STANDARD
    return jsonify(skus=lists.get(sku, []))
