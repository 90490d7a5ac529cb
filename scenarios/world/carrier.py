"""The API of Longshore Parcels, the carrier.

A parcel's two later moments are decided when it is accepted, so its status is a matter
of the time at which someone asks, and a restart changes nothing.
"""

import secrets
import sqlite3
from typing import Any

from flask import Blueprint, Response, jsonify

from scenarios.world.bodies import Body, get_code, get_text, get_whole_number, read_object
from scenarios.world.clock import as_text, later
from scenarios.world.conditions import get_conditions
from scenarios.world.context import World, current_world
from scenarios.world.gates import guard
from scenarios.world.idempotency import Answer, do_once, read_attempt
from scenarios.world.refusals import Refusal

carrier = Blueprint("carrier", __name__, url_prefix="/carrier/v1")
guard(carrier, "carrier")

# The parcel is in transit after this part of the seconds that it takes to be delivered.
IN_TRANSIT_AFTER = 0.4
SERVICES = ("standard", "express")


@carrier.post("/quotes")
def quote() -> Response:
    """Say what a parcel costs, in pence, and how many days it takes."""
    body = {"service": "standard"} | read_object("country", "items", "service")
    country = get_code(body, "country", 2)
    items = get_whole_number(body, "items", 1, 10_000)
    amount = quote_amount(country, items, _read_service(body))
    with current_world().ledger.transaction() as db:
        ordered = get_conditions(db, "carrier")["quote_amount"]
    shown = amount if ordered is None else ordered
    return jsonify(amount=shown, currency="GBP", days=3 if country == "GB" else 7)


def quote_amount(country: str, items: int, service: str) -> int:
    """Return the price in pence: 4.95 at home, 14.95 abroad, 5.00 more for express.

    Ten items are one parcel's worth; each further ten, begun, cost 1.00 more.
    """
    distance, haste = (495 if country == "GB" else 1495), (500 if service == "express" else 0)
    return distance + haste + 100 * ((items - 1) // 10)


@carrier.post("/parcels")
def accept() -> Response:
    """Accept a parcel."""
    world = current_world()
    body = read_object("reference", "name", "address", "country", "service")
    parcel = {
        "reference": get_text(body, "reference"),
        "name": get_text(body, "name"),
        "address": get_text(body, "address", longest=2000),
        "country": get_code(body, "country", 2),
        "service": _read_service(body),
    }
    attempt = read_attempt("carrier", body)
    return do_once(world, attempt, lambda db: _accept(world, db, parcel))


@carrier.get("/parcels/<tracking_number>")
def track(tracking_number: str) -> Response:
    """Say where a parcel is."""
    world = current_world()
    with world.ledger.transaction() as db:
        row = db.execute(
            "SELECT * FROM parcels WHERE tracking_number = ?", (tracking_number,)
        ).fetchone()
    if row is None:
        raise Refusal(404, "not_found", "There is no such parcel.")
    names = ("tracking_number", "reference")
    return jsonify({name: row[name] for name in names} | {"status": status_of(row, world)})


def status_of(parcel: sqlite3.Row, world: World) -> str:
    """Return where a parcel is now."""
    now = as_text(world.clock())
    if now >= parcel["delivered_at"]:
        return "delivered"
    return "in_transit" if now >= parcel["in_transit_at"] else "accepted"


def _read_service(body: Body) -> str:
    service = get_text(body, "service")
    if service not in SERVICES:
        raise Refusal(422, "invalid_request", f"service must be one of {', '.join(SERVICES)}.")
    return service


def _accept(world: World, db: sqlite3.Connection, parcel: dict[str, Any]) -> Answer:
    now = world.clock()
    seconds = get_conditions(db, "carrier")["transit_seconds"]
    tracking_number = f"LP{secrets.token_hex(6).upper()}"
    moments = (as_text(now), later(now, seconds * IN_TRANSIT_AFTER), later(now, seconds))
    db.execute(
        "INSERT INTO parcels (tracking_number, reference, name, address, country, service,"
        " accepted_at, in_transit_at, delivered_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (tracking_number, *parcel.values(), *moments),
    )
    return Answer(201, {"tracking_number": tracking_number, "status": "accepted"})
