"""The outside world in the store's own process, for tests and for running the store alone.

Small real implementations: they keep a ledger of what they were asked and obey idempotency keys.
"""

from dataclasses import replace
from email.message import EmailMessage

from shop.domain.money import Money
from shop.domain.provider_payment import ProviderPayment
from shop.errors import CardRefused, GatewayRefused, GatewayUnavailable
from shop.gateways import Gateways
from shop.gateways.carrier import Parcel, Quote
from shop.gateways.payments import Card
from shop.gateways.pictures import FetchedPicture

APPROVED, DECLINED, UNANSWERED = "4242424242424242", "4000000000000002", "4000000000000119"


class FakePaymentProvider:
    """A provider that captures at once.

    `payments` is its ledger by the payment's id, `authorizations` has these ids by key, and
    `refunds` what was given back by key.
    """

    def __init__(self) -> None:
        self.payments: dict[str, ProviderPayment] = {}
        self.authorizations: dict[str, str] = {}
        self.captures: list[str] = []
        self.refunds: dict[str, Money] = {}

    def tokenize(self, card_number: str) -> Card:
        if card_number not in (APPROVED, DECLINED, UNANSWERED):
            raise CardRefused
        return Card(f"tok_{card_number}", "visa", card_number[-4:])

    def authorize(self, reference: str, amount: Money, token: str, key: str) -> ProviderPayment:
        if token == f"tok_{UNANSWERED}":
            raise GatewayUnavailable("The payment provider", "it answers nothing to this card")
        if key not in self.authorizations:
            status = "declined" if token == f"tok_{DECLINED}" else "authorized"
            before = sum(payment.reference == reference for payment in self.payments.values())
            payment_id = f"pay_{reference}" + before * "_again"
            self.authorizations[key] = payment_id
            self.payments[payment_id] = ProviderPayment(payment_id, reference, status, amount)
        return self.get(self.authorizations[key])

    def capture(self, payment_id: str, key: str) -> ProviderPayment:
        if key not in self.captures:
            self.captures.append(key)
            self.payments[payment_id] = replace(self.get(payment_id), status="captured")
        return self.get(payment_id)

    def void(self, payment_id: str, key: str) -> ProviderPayment:
        self.payments[payment_id] = replace(self.get(payment_id), status="voided")
        return self.get(payment_id)

    def refund(self, payment_id: str, money: Money, key: str) -> ProviderPayment:
        payment = self.get(payment_id)
        self.refunds.setdefault(key, money)
        given_back = [m for k, m in self.refunds.items() if k.startswith(f"{payment.reference}:")]
        if sum(given_back, Money(0)) == payment.amount:
            self.payments[payment_id] = replace(payment, status="refunded")
        return self.get(payment_id)

    def get(self, payment_id: str) -> ProviderPayment:
        if payment_id not in self.payments:
            raise GatewayRefused(f"The payment provider: no payment {payment_id}")
        return self.payments[payment_id]


class FakeCarrier:
    """A carrier that delivers at once; `parcels` is its ledger by tracking number.

    It answers `price` to whoever asks for a quote, which is no price until it is given one.
    """

    def __init__(self) -> None:
        self.parcels: dict[str, Parcel] = {}
        self.price: Quote = {}
        self.quotes: list[tuple[str, str, int]] = []

    def quote(self, country: str, service: str, items: int) -> Quote:
        self.quotes.append((country, service, items))
        return self.price

    def book(self, parcel: Parcel) -> str:
        self.parcels.setdefault(f"LP-{parcel.reference}", parcel)
        return f"LP-{parcel.reference}"

    def is_delivered(self, tracking_number: str) -> bool:
        return tracking_number in self.parcels


class FakeMailer:
    """A mail server that keeps what it is given, in order."""

    def __init__(self) -> None:
        self.sent: list[EmailMessage] = []

    def send(self, mail: EmailMessage) -> None:
        self.sent.append(mail)


class FakeSuggestions:
    """A service that has nothing to suggest beside a product until it is put into `lists`."""

    def __init__(self) -> None:
        self.lists: dict[str, list[str]] = {}

    def also_bought(self, sku: str) -> list[str]:
        return self.lists.get(sku, [])


class FakePictures:
    """A source with a picture at every address; `asked` is what it was asked for, in order."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def fetch(self, url: str) -> FetchedPicture:
        self.asked.append(url)
        return FetchedPicture(b"\x89PNG\r\n\x1a\n" + url.encode(), "image/png")


def make_fakes() -> Gateways:
    """Return a whole outside world that remembers nothing yet."""
    inside = FakePaymentProvider(), FakeCarrier(), FakeMailer()
    return Gateways(*inside, FakeSuggestions(), FakePictures())
