"""What the store refuses, each refusal named for its situation.

Refusal
├── NotFound
├── CartFull
├── CartEmpty
├── OutOfStock
├── LimitReached
├── DestinationNotServed
├── TotalChanged
├── CheckoutExpired
├── CardRefused
├── CardNeeded
├── CouponRefused
├── GiftCardRefused
├── EmailTaken
├── SignInRefused
├── LinkExpired
├── ActionRefused
├── TooManyUnits
├── ChangedMeanwhile
├── StockTooLow
├── ProductOrdered
├── WebhookRefused
├── AmountMismatch
├── BackupRefused
├── RowRefused
├── PictureRefused
└── GatewayRefused
GatewayUnavailable
NotYet

They know nothing of HTTP: one table in `shop.web.refusals` gives each its status code. Anything
else that is raised is a bug.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class Refusal(Exception):
    """Something the store will not do, with a sentence for whoever asked.

    A subclass says it in `sentence`, into which the facts of the case are set, and names in `field`
    what was typed wrong, if anything was.
    """

    sentence = "{why}"
    field = ""

    def __init__(self, **facts: object) -> None:
        super().__init__(self.sentence.format(**facts))


class NotFound(Refusal):
    """There is no such thing, or it is somebody else's."""

    sentence = "We have no such {what}."


class CartFull(Refusal):
    """More of one product, or more products, than a cart holds."""

    sentence = "A cart holds at most {limit} {what}."


class CartEmpty(Refusal):
    """There is nothing to order."""

    sentence = "Your cart is empty."


@dataclass(frozen=True, slots=True)
class Shortage:
    """A product of which fewer are available than were asked for."""

    name: str
    available: int

    def __str__(self) -> str:
        """Say it to the shopper."""
        if self.available == 0:
            return f"{self.name} is sold out."
        return f"Only {self.available} of {self.name} left."


class OutOfStock(Refusal):
    """One or more products are short; `shortages` says of what and what is left."""

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        self.shortages = shortages
        super().__init__(why=" ".join(map(str, shortages)))


class LimitReached(Refusal):
    """With this order the buyer would have more of a scarce product than one buyer gets."""

    sentence = "At most {most} of {name} per customer every {span}; this would be more."


class DestinationNotServed(Refusal):
    """No rate exists for this country and shipping method."""

    sentence = "We do not ship there that way. Choose another country or shipping."


class TotalChanged(Refusal):
    """The total is not the one that the shopper agreed to."""

    sentence = "The total is now {total}, not {shown}. Please check it and order again."


class CheckoutExpired(Refusal):
    """The one-time token of the form belongs to no cart and no order."""

    sentence = "This page was out of date and has been renewed. Please order again."


class CardRefused(Refusal):
    """The provider does not know this card number."""

    sentence = "The payment provider does not accept this card number."
    field = "card_number"


class CardNeeded(Refusal):
    """There is something to be charged, and no card to charge it to."""

    sentence = "There is {charge} left to pay, so we need a card number."
    field = "card_number"


class CouponRefused(Refusal):
    """This buyer may not use this coupon for these goods now; `why` says what is wrong."""

    sentence = "We cannot take this coupon: {why}."
    field = "coupon_code"


class GiftCardRefused(Refusal):
    """There is no such gift card, it has expired, or its money is spent."""

    sentence = "We do not know this gift card, or it is empty or too old."
    field = "gift_card_code"


class EmailTaken(Refusal):
    """Somebody has an account with this address already."""

    sentence = "There is an account with this email address. Sign in, or reset its password."


class SignInRefused(Refusal):
    """Email and password do not belong together; which of them is wrong is not told."""

    sentence = "This email address and this password do not belong together."


class LinkExpired(Refusal):
    """The link was used, has run out, or was followed by a newer one."""

    sentence = "This link has been used or is too old. Ask for a new one."


class ActionRefused(Refusal):
    """The order has come too far for it, or not far enough."""

    sentence = "Order {number} is {status} and {fulfillment}: it is too late or too early for this."


class TooManyUnits(Refusal):
    """More is to be given back than was sold and not given back before."""

    sentence = "Order {number} has only {left} of {sku} left to refund."


class ChangedMeanwhile(Refusal):
    """Somebody else changed it between the reading and the writing."""

    sentence = "Somebody has changed this {what} meanwhile. Look at it again before you save."


class StockTooLow(Refusal):
    """Less would be on the shelf than is promised to open orders."""

    sentence = "That would leave fewer units than the {allocated} that open orders wait for."


class ProductOrdered(Refusal):
    """Somebody has ordered it, and orders keep what they are about."""

    sentence = "This product has been ordered, so it stays. Without stock nobody can buy it."


class WebhookRefused(Refusal):
    """A message that the provider did not send, or not just now."""


class AmountMismatch(Refusal):
    """The provider speaks of another amount than the order's."""

    sentence = "Order {number} is over {expected}, not {received}."


class BackupRefused(Refusal):
    """A backup that cannot be written, or is none that could be restored here."""


class RowRefused(Refusal):
    """A file of products says in one of its rows what cannot be."""

    sentence = "Row {row}, {column}: {why}. Nothing was imported."


class PictureRefused(Refusal):
    """There is no picture at this address that the store may fetch and show."""

    sentence = "This picture is not taken: {why}."


class GatewayRefused(Refusal):
    """An outside service understood the request and said no; asking again will not help.

    `code` is the service's own word for why, if it gave one.
    """

    def __init__(self, why: str, code: str = "") -> None:
        self.code = code
        super().__init__(why=why)


class GatewayUnavailable(Exception):
    """An outside service did not answer, or failed; asking again may help."""

    def __init__(self, service: str, why: str) -> None:
        super().__init__(f"{service} did not answer: {why}")


class NotYet(Exception):
    """Nothing is wrong, but the outside world needs more time."""
