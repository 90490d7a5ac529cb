"""The carrier: books parcels and says where they are."""

from dataclasses import asdict, dataclass
from typing import Any, Protocol

from shop.errors import GatewayUnavailable
from shop.gateways.http import Clock, HttpService


@dataclass(frozen=True, slots=True)
class Parcel:
    """Where a parcel goes; `reference` is the order's number."""

    reference: str
    name: str
    address: str
    country: str
    service: str


class Carrier(Protocol):
    """What the store asks of a carrier; the methods raise as those of the payment provider."""

    def book(self, parcel: Parcel) -> str:
        """Book a parcel, once for each reference, and return its tracking number."""

    def is_delivered(self, tracking_number: str) -> bool:
        """Tell whether the parcel has arrived."""


class HttpCarrier:
    """The carrier over HTTP."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._service = HttpService("The carrier", url, clock)

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
