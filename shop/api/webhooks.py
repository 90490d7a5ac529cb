"""News from the payment provider."""

import json
from typing import Any

from flask import Blueprint, current_app, request
from marshmallow import Schema, ValidationError, fields

from shop.clock import now
from shop.db import get_session
from shop.domain.money import Money
from shop.domain.provider_payment import ProviderPayment
from shop.domain.webhook_signature import is_authentic
from shop.errors import NotFound, WebhookRefused
from shop.services.payments import apply_payment_event
from shop.web.fields import Number, Text

routes = Blueprint("webhooks", __name__)

_LARGEST_AMOUNT = 10**9


class PaymentDataSchema(Schema):
    """The payment that an event is about."""

    payment_id = Text(80, required=True)
    reference = Text(20, required=True)
    amount = Number(0, _LARGEST_AMOUNT)
    currency = Text(3, required=True)
    captured_amount = Number(0, _LARGEST_AMOUNT)
    refunded_amount = Number(0, _LARGEST_AMOUNT)


class PaymentEventSchema(Schema):
    """One event as the provider sends it."""

    id = Text(80, required=True)
    type = Text(40, required=True)
    created_at = fields.AwareDateTime(required=True)
    data = fields.Nested(PaymentDataSchema, required=True)


@routes.post("/webhooks/payments")
def receive_payment_event() -> dict[str, bool]:
    """Take in one event; the answer is the same when it was known already."""
    body = request.get_data()
    secret = current_app.extensions["settings"].payments_webhook_secret
    if not is_authentic(request.headers.get("Tillpost-Signature", ""), body, secret, now()):
        raise WebhookRefused(why="The signature is missing, wrong or stale.")
    try:
        event = PaymentEventSchema().load(json.loads(body))
        apply_payment_event(get_session(), event["id"], _read_payment(event), now())
    except (ValidationError, NotFound, ValueError, RecursionError) as error:
        raise WebhookRefused(why=f"This event is not as agreed: {error}") from error
    return {"received": True}


def _read_payment(event: dict[str, Any]) -> ProviderPayment:
    data, status = event["data"], event["type"].removeprefix("payment.")
    if status == "refunded" and data["refunded_amount"] < data["amount"]:
        status = "captured"
    amount = Money(data["amount"], data["currency"])
    return ProviderPayment(data["payment_id"], data["reference"], status, amount)
