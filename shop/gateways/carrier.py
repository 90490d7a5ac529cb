"""The carrier: says what a parcel costs, books parcels and tells where they are."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from shop.errors import GatewayUnavailable
from shop.gateways.http import Clock, HttpService

# The `amount` and `currency` of a price, if the carrier has named one.
Quote = Mapping[str, object]

# How long a shopper waits for a price before the table's holds.
_QUOTE_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Parcel:
    """Where a parcel goes; `reference` is the order's number."""

    reference: str
    name: str
    address: str
    country: str
    service: str


class Carrier(Protocol):
    """What the store asks of a carrier; booking raises as the payment provider does."""

    def quote(self, country: str, service: str, items: int) -> Quote:
        """Return what the carrier answers, which nobody pays unjudged; nothing when it does not."""

    def book(self, parcel: Parcel) -> str:
        """Book a parcel, once for each reference, and return its tracking number."""

    def is_delivered(self, tracking_number: str) -> bool:
        """Tell whether the parcel has arrived."""


class HttpCarrier:
    """The carrier over HTTP."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._service = HttpService("The carrier", url, clock)
        self._quotes = HttpService("The carrier", url, clock, seconds=_QUOTE_SECONDS)

    def quote(self, country: str, service: str, items: int) -> Quote:
        body = {"country": country, "service": service, "items": items}
        return self._quotes.ask("POST", "/v1/quotes", body)

    def book(self, parcel: Parcel) -> str:
        key = f"{parcel.reference}:parcel"
        return self._ask("tracking_number", "POST", "/v1/parcels", asdict(parcel), key)

    def is_delivered(self, tracking_number: str) -> bool:
        return self._ask("status", "GET", f"/v1/parcels/{tracking_number}") == "delivered"

    def _ask(self, field: str, *request: Any) -> str:
        value = self._service.call(*request).get(field)
        if not isinstance(value, str) or not value:
            raise GatewayUnavailable("The carrier", f"no {field} in its answer")
        return value
