"""The suggestions service: what else those bought who bought a product."""

from typing import Protocol
from urllib.parse import quote

from shop.gateways.http import Clock, HttpService

# A page does not wait for what it can do without.
_SECONDS = 0.5
_MOST = 20


class Suggestions(Protocol):
    """What the store asks of a suggestions service."""

    def also_bought(self, sku: str) -> list[str]:
        """Return SKUs, the likeliest first; none when the service has no answer.

        They are not believed: the store may sell no such products, or it may be the same one.
        """


class HttpSuggestions:
    """The suggestions service over HTTP."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._service = HttpService("The suggestions service", url, clock, seconds=_SECONDS)

    def also_bought(self, sku: str) -> list[str]:
        skus = self._service.ask("GET", f"/v1/also-bought?sku={quote(sku)}").get("skus")
        named = skus[:_MOST] if isinstance(skus, list) else []
        # No SKU holds a sign that cannot be printed, and PostgreSQL refuses to look for a NUL.
        return [each for each in named if isinstance(each, str) and each.isprintable()]
