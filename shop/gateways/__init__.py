"""The outside world as the store sees it: for each service a Protocol, a client and a fake."""

from dataclasses import dataclass

from shop.gateways.carrier import Carrier
from shop.gateways.mailer import Mailer
from shop.gateways.payments import PaymentProvider
from shop.gateways.pictures import PictureSource
from shop.gateways.suggestions import Suggestions


@dataclass(frozen=True, slots=True)
class Gateways:
    """All services that the store speaks to."""

    payments: PaymentProvider
    carrier: Carrier
    mailer: Mailer
    suggestions: Suggestions
    pictures: PictureSource
