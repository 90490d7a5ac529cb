"""Every form of the store as somebody fills it in who means no harm.

A form is filled in by the names of its fields, so a field that is new has to be named here once.
"""

import csv
import io
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask.testing import FlaskClient
from marshmallow import Schema
from werkzeug.test import TestResponse

from scenarios.kit.clock import START
from scenarios.kit.rows import DELIVERY, PASSWORD
from scenarios.kit.settings import WEBHOOK_SECRET
from shop.domain.webhook_signature import sign
from shop.gateways.fakes import APPROVED
from tests.attacks.injections import NESTED

NUMBER = "BB-7K3MQ-9XT2W"
API_TOKEN = "token of a program"
VALID: Mapping[str, str] = {
    **DELIVERY,
    "quantity": "1",
    "card_number": APPROVED,
    "coupon_code": "",
    "gift_card_code": "",
    "checkout_token": "known",
    # The total is another, so no order empties the cart for those behind it.
    "total_shown": "1",
    "stars": "4",
    "text": "It shines.",
    "number": NUMBER,
    "password": PASSWORD,
    "next": "",
    "token": "a token that was mailed",
    "current_password": PASSWORD,
    "new_password": PASSWORD,
    "sku": "LMP-001",
    "summary": "A lamp.",
    "description": "It shines.",
    "price_amount": "1999",
    "sale_amount": "1500",
    "sale_starts_at": "2026-03-01T00:00",
    "sale_ends_at": "2026-04-01T00:00",
    "most_per_buyer": "3",
    "limit_days": "7",
    "version": "1",
    "delta": "1",
    "reason": "counted",
    "note": "",
    "file": "",
}
ROW = {
    "sku": "KTL-002",
    "name": "Linnet Kettle",
    "summary": "",
    "description": "",
    "category": "kitchen",
    "price_amount": "5800",
    "on_hand": "12",
    "picture_url": "",
    "picture_alt": "",
}
ORDER: Mapping[str, Any] = {
    **DELIVERY,
    "card_number": APPROVED,
    "coupon_code": "",
    "gift_card_code": "",
    "total_amount": 1,
    "lines": [{"sku": "LMP-001", "quantity": 1}],
}
EVENT: Mapping[str, Any] = {
    "id": "evt_1",
    "type": "payment.captured",
    "created_at": "2026-03-02T09:00:00.123456+00:00",
    "data": {
        "payment_id": "pay_1",
        "reference": NUMBER,
        "amount": 2873,
        "currency": "GBP",
        "captured_amount": 2873,
        "refunded_amount": 0,
    },
}


def fill_in(schema: Schema) -> dict[str, str]:
    """Return a form with a good value in each of its fields."""
    return {name: VALID[name] for name in schema.fields}


def post_form(browser: FlaskClient, path: str, form: Mapping[str, str]) -> TestResponse:
    """Send a form whose texts may hold what no browser would send."""
    body = urlencode(form, errors="surrogatepass")
    return browser.post(path, data=body, content_type="application/x-www-form-urlencoded")


def get_page(browser: FlaskClient, path: str, query: Mapping[str, str]) -> TestResponse:
    """Ask for a page, in the same way, as the program that holds the token of the account."""
    token = {"Authorization": f"Bearer {API_TOKEN}"} if path.startswith("/api/") else {}
    query_string = urlencode(query, errors="surrogatepass")
    return browser.get(path, query_string=query_string or None, headers=token, buffered=True)


def post_file(browser: FlaskClient, row: Mapping[str, str]) -> TestResponse:
    """Send a file of one product."""
    text = io.StringIO()
    csv.writer(text).writerows([[*row], [*row.values()]])
    content = text.getvalue().encode("utf-8", "surrogatepass")
    data = {"file": (io.BytesIO(content), "products.csv")}
    return browser.post("/staff/import", data=data, content_type="multipart/form-data")


def post_order(browser: FlaskClient, body: Mapping[str, Any], key: str = "once") -> TestResponse:
    """Send an order to the API."""
    headers = {"Authorization": f"Bearer {API_TOKEN}", "Idempotency-Key": key}
    kind = "application/json"
    return browser.post("/api/v1/orders", data=_to_json(body), headers=headers, content_type=kind)


def post_event(browser: FlaskClient, body: Mapping[str, Any]) -> TestResponse:
    """Send a webhook whose signature is right."""
    data, seconds = _to_json(body), int(START.timestamp())
    headers = {"Tillpost-Signature": f"t={seconds},v1={sign(data, WEBHOOK_SECRET, seconds)}"}
    return browser.post("/webhooks/payments", data=data, headers=headers)


def _to_json(body: Mapping[str, Any]) -> bytes:
    nested = f"{'[' * 1_000}{']' * 1_000}"
    return json.dumps(body).replace(json.dumps(NESTED), nested).encode()
