"""The services that jobs run, by the kind of job."""

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from shop.services import accounts, fulfillment, mails, payments, products

HANDLERS: Mapping[str, Callable[..., None]] = {
    "authorize_payment": payments.authorize_payment,
    "capture_payment": payments.capture_payment,
    "check_payment": payments.check_payment,
    "refund_payment": payments.refund_payment,
    "send_confirmation": mails.send_confirmation,
    "send_dispatch": mails.send_dispatch,
    "send_password_reset": accounts.send_password_reset,
    "book_parcel": fulfillment.book_parcel,
    "track_parcel": fulfillment.track_parcel,
    "fetch_picture": products.fetch_picture,
}


def handle(kind: str, facts: Mapping[str, Any]) -> None:
    """Call the service for this kind of job with those of the facts that its parameters name."""
    service = HANDLERS[kind]
    service(**{name: facts[name] for name in signature(service).parameters})
