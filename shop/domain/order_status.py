"""The three statuses of an order and the moves that each may make.

They are independent on purpose: an order can be paid and not yet packed, or canceled and refunded.
A status that is not a key of its table is final.
"""

from collections.abc import Mapping, Set
from enum import StrEnum


class OrderStatus(StrEnum):
    PLACED = "placed"
    CONFIRMED = "confirmed"
    COMPLETED = "completed"
    CANCELED = "canceled"


class PaymentStatus(StrEnum):
    PENDING = "pending"
    AUTHORIZED = "authorized"
    FAILED = "failed"
    PAID = "paid"
    DECLINED = "declined"


class FulfillmentStatus(StrEnum):
    UNFULFILLED = "unfulfilled"
    SHIPPED = "shipped"
    DELIVERED = "delivered"


# News from the provider may arrive in any order, so a payment may skip what it has not heard of.
# Every move leads forward, which makes the last status the same for each order of arrival.
# `FAILED` is a capture that did not go through: it is tried again, so it can still become paid.
_MOVES: Mapping[StrEnum, Set[StrEnum]] = {
    OrderStatus.PLACED: {OrderStatus.CONFIRMED, OrderStatus.CANCELED},
    OrderStatus.CONFIRMED: {OrderStatus.COMPLETED},
    PaymentStatus.PENDING: {
        PaymentStatus.AUTHORIZED,
        PaymentStatus.FAILED,
        PaymentStatus.PAID,
        PaymentStatus.DECLINED,
    },
    PaymentStatus.AUTHORIZED: {PaymentStatus.FAILED, PaymentStatus.PAID},
    PaymentStatus.FAILED: {PaymentStatus.PAID},
    FulfillmentStatus.UNFULFILLED: {FulfillmentStatus.SHIPPED},
    FulfillmentStatus.SHIPPED: {FulfillmentStatus.DELIVERED},
}


def statuses_before(new: StrEnum) -> list[StrEnum]:
    """Return the statuses of the same kind from which `new` may be reached in one move."""
    return [old for old, allowed in _MOVES.items() if new in allowed]
