"""A payment as the provider speaks of it, in its answers and in its webhooks."""

from dataclasses import dataclass

from shop.domain.money import Money


@dataclass(frozen=True, slots=True)
class ProviderPayment:
    """A payment as the provider knows it; `reference` is the order's number.

    `status` is one of authorized, declined, capturing, captured, failed.
    """

    id: str
    reference: str
    status: str
    amount: Money
