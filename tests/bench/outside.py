"""An outside world that answers at once, to many threads, however much it was asked before."""

from dataclasses import replace
from email.message import EmailMessage

from shop.domain.money import Money
from shop.domain.provider_payment import ProviderPayment
from shop.gateways import Gateways
from shop.gateways.fakes import FakeCarrier, FakePictures, FakeSuggestions
from shop.gateways.payments import Card


class QuickProvider:
    """A payment provider that approves of everything; a payment has its order's number as id."""

    def __init__(self) -> None:
        self._payments: dict[str, ProviderPayment] = {}

    def tokenize(self, card_number: str) -> Card:
        return Card(f"tok_{card_number}", "visa", card_number[-4:])

    def authorize(self, reference: str, amount: Money, token: str, key: str) -> ProviderPayment:
        payment = ProviderPayment(reference, reference, "authorized", amount)
        return self._payments.setdefault(reference, payment)

    def capture(self, payment_id: str, key: str) -> ProviderPayment:
        return self._move(payment_id, "captured")

    def void(self, payment_id: str, key: str) -> ProviderPayment:
        return self._move(payment_id, "voided")

    def refund(self, payment_id: str, money: Money, key: str) -> ProviderPayment:
        return self._move(payment_id, "refunded")

    def get(self, payment_id: str) -> ProviderPayment:
        return self._payments[payment_id]

    def _move(self, payment_id: str, status: str) -> ProviderPayment:
        self._payments[payment_id] = moved = replace(self.get(payment_id), status=status)
        return moved


class NoMailer:
    """A mail server that forgets what it is given."""

    def send(self, mail: EmailMessage) -> None:
        pass


def make_outside() -> Gateways:
    """Return the whole of it."""
    inside = QuickProvider(), FakeCarrier(), NoMailer()
    return Gateways(*inside, FakeSuggestions(), FakePictures())
