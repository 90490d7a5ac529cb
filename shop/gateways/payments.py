"""The payment provider: cards become tokens, and money is set aside and then taken.

Every call that moves money carries an idempotency key made from the order's number, so that the
same call made twice moves it once.
"""

from dataclasses import asdict, dataclass
from typing import Any, Protocol

from shop.domain.money import Money
from shop.domain.provider_payment import ProviderPayment
from shop.errors import CardRefused, GatewayRefused, GatewayUnavailable
from shop.gateways.http import Clock, HttpService


@dataclass(frozen=True, slots=True)
class Card:
    """What the store may know of a card."""

    token: str
    brand: str
    last4: str

    @property
    def columns(self) -> dict[str, str]:
        """The card as an order's payment keeps it."""
        return {"card_token": self.token, "card_brand": self.brand, "card_last4": self.last4}


class PaymentProvider(Protocol):
    """What the store asks of a payment provider.

    Each method raises `GatewayUnavailable` when asking again may help, and `GatewayRefused` when
    it will not.
    """

    def tokenize(self, card_number: str) -> Card:
        """Exchange a card's number for a token.

        :raises CardRefused: when the provider does not know the card.
        """

    def authorize(self, reference: str, amount: Money, token: str, key: str) -> ProviderPayment:
        """Set the amount aside on the card of this token, once for each key."""

    def capture(self, payment_id: str, key: str) -> ProviderPayment:
        """Take what was set aside, once for each key."""

    def void(self, payment_id: str, key: str) -> ProviderPayment:
        """Give up what was set aside, once for each key."""

    def refund(self, payment_id: str, money: Money, key: str) -> ProviderPayment:
        """Give back some or all of what was taken, once for each key."""

    def get(self, payment_id: str) -> ProviderPayment:
        """Return the payment as it is now."""


class HttpPaymentProvider:
    """The provider over HTTP."""

    def __init__(self, url: str, clock: Clock, api_key: str) -> None:
        self._service = HttpService("The payment provider", url, clock, api_key)

    def tokenize(self, card_number: str) -> Card:
        try:
            answer = self._service.call("POST", "/v1/tokens", {"number": card_number})
        except GatewayRefused as refusal:
            if refusal.code == "invalid_card":
                raise CardRefused from None
            raise
        try:
            return Card(str(answer["token"]), str(answer["brand"]), str(answer["last4"]))
        except KeyError as error:
            raise GatewayUnavailable("The payment provider", f"no {error} in its answer") from error

    def authorize(self, reference: str, amount: Money, token: str, key: str) -> ProviderPayment:
        body = {"reference": reference, **asdict(amount), "token": token}
        return _parse(self._service.call("POST", "/v1/payments", body, key))

    def capture(self, payment_id: str, key: str) -> ProviderPayment:
        return _parse(self._service.call("POST", f"/v1/payments/{payment_id}/capture", {}, key))

    def void(self, payment_id: str, key: str) -> ProviderPayment:
        return _parse(self._service.call("POST", f"/v1/payments/{payment_id}/void", {}, key))

    def refund(self, payment_id: str, money: Money, key: str) -> ProviderPayment:
        body = {"amount": money.amount}
        return _parse(self._service.call("POST", f"/v1/payments/{payment_id}/refund", body, key))

    def get(self, payment_id: str) -> ProviderPayment:
        return _parse(self._service.call("GET", f"/v1/payments/{payment_id}"))


def _parse(answer: dict[str, Any]) -> ProviderPayment:
    try:
        amount = Money(int(answer["amount"]), str(answer["currency"]))
        return ProviderPayment(
            str(answer["id"]), str(answer["reference"]), str(answer["status"]), amount
        )
    except (KeyError, TypeError, ValueError) as error:
        raise GatewayUnavailable("The payment provider", f"unreadable answer: {error}") from error
