"""What the store refuses, each refusal named for its situation.

Refusal
├── NotFound
├── CartFull
├── CartEmpty
├── OutOfStock
├── DestinationNotServed
├── TotalChanged
├── CheckoutExpired
├── CardRefused
├── WebhookRefused
├── AmountMismatch
└── GatewayRefused
GatewayUnavailable
NotYet

They know nothing of HTTP: one table in `shop.web.refusals` gives each its status code. Anything
else that is raised is a bug.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shop.domain.money import Money


class Refusal(Exception):
    """Something the store will not do, with a sentence for whoever asked."""


class NotFound(Refusal):
    """There is no such thing, or it is somebody else's."""

    def __init__(self, what: str) -> None:
        super().__init__(f"We have no such {what}.")


class CartFull(Refusal):
    """More of one product, or more products, than a cart holds."""

    def __init__(self, limit: int, what: str) -> None:
        super().__init__(f"A cart holds at most {limit} {what}.")


class CartEmpty(Refusal):
    """There is nothing to order."""

    def __init__(self) -> None:
        super().__init__("Your cart is empty.")


@dataclass(frozen=True, slots=True)
class Shortage:
    """A product of which fewer are available than were asked for."""

    name: str
    available: int


class OutOfStock(Refusal):
    """One or more products are short; `shortages` says of what and what is left."""

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        self.shortages = shortages
        super().__init__(" ".join(map(self._sentence, shortages)))

    @staticmethod
    def _sentence(shortage: Shortage) -> str:
        if shortage.available == 0:
            return f"{shortage.name} is sold out."
        return f"Only {shortage.available} of {shortage.name} left."


class DestinationNotServed(Refusal):
    """No rate exists for this country and shipping method."""

    def __init__(self) -> None:
        super().__init__("We do not ship there that way. Choose another country or shipping.")


class TotalChanged(Refusal):
    """The total is not the one that the shopper agreed to."""

    def __init__(self, shown: Money, total: Money) -> None:
        self.total = total
        super().__init__(f"The total is now {total}, not {shown}. Please check it and order again.")


class CheckoutExpired(Refusal):
    """The one-time token of the form belongs to no cart and no order."""

    def __init__(self) -> None:
        super().__init__("This page was out of date and has been renewed. Please order again.")


class CardRefused(Refusal):
    """The provider does not know this card number."""

    def __init__(self) -> None:
        super().__init__("The payment provider does not accept this card number.")


class WebhookRefused(Refusal):
    """A message that the provider did not send, or not just now."""


class AmountMismatch(Refusal):
    """The provider speaks of another amount than the order's."""

    def __init__(self, number: str, expected: Money, received: Money) -> None:
        super().__init__(f"Order {number} is over {expected}, not {received}.")


class GatewayRefused(Refusal):
    """An outside service understood the request and said no; asking again will not help.

    `code` is the service's own word for why, if it gave one.
    """

    def __init__(self, sentence: str, code: str = "") -> None:
        self.code = code
        super().__init__(sentence)


class GatewayUnavailable(Exception):
    """An outside service did not answer, or failed; asking again may help."""

    def __init__(self, service: str, why: str) -> None:
        self.service = service
        super().__init__(f"{service} did not answer: {why}")


class NotYet(Exception):
    """Nothing is wrong, but the outside world needs more time."""
