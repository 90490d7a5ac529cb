"""Whether the store is alive and can sell, for whoever watches it."""

from typing import Any

from flask import Blueprint, current_app

from shop.clock import now
from shop.db import get_session
from shop.queries.health import check_parts

routes = Blueprint("health", __name__, url_prefix="/health")


@routes.get("/live")
def show_live() -> dict[str, str]:
    """Answer while this process does; it asks nobody, since a restart would cure nobody else."""
    return {"status": "ok"}


@routes.get("/ready")
def show_ready() -> tuple[dict[str, Any], int]:
    """Name each part that an order needs; 503 when one of them fails."""
    is_alone = current_app.extensions["settings"].alone
    parts = check_parts(get_session(), now(), is_alone=is_alone)
    is_ready = "failing" not in parts.values()
    return {"status": "ok" if is_ready else "failing", "parts": parts}, 200 if is_ready else 503
