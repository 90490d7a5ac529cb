"""The three statuses of an order, the moves that each may make, and what people may do to it.

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
    VOIDED = "voided"
    REFUNDED = "refunded"


class FulfillmentStatus(StrEnum):
    UNFULFILLED = "unfulfilled"
    PACKED = "packed"
    SHIPPING = "shipping"
    SHIPPED = "shipped"
    DELIVERED = "delivered"


_O, _P, _F = OrderStatus, PaymentStatus, FulfillmentStatus

# News from the provider may arrive in any order, so a payment may skip what it has not heard of.
# Every move leads forward, which makes the last status the same for each order of arrival.
# `FAILED` is a capture that did not go through: it is tried again, so it can still become paid.
_MOVES: Mapping[StrEnum, Set[StrEnum]] = {
    _O.PLACED: {_O.CONFIRMED, _O.CANCELED},
    _O.CONFIRMED: {_O.COMPLETED, _O.CANCELED},
    _P.PENDING: set(_P) - {_P.PENDING},
    _P.AUTHORIZED: {_P.FAILED, _P.PAID, _P.VOIDED, _P.REFUNDED},
    _P.FAILED: {_P.PAID, _P.VOIDED, _P.REFUNDED},
    _P.PAID: {_P.REFUNDED},
    _F.UNFULFILLED: {_F.PACKED},
    _F.PACKED: {_F.SHIPPING},
    _F.SHIPPING: {_F.SHIPPED},
    _F.SHIPPED: {_F.DELIVERED},
}

# What people may do, and the statuses of order, payment and fulfillment in which they may.
# From "ship" on the goods are with the carrier: nothing is taken back until they have arrived.
_ACTIONS: Mapping[str, tuple[Set[str], Set[str], Set[str]]] = {
    "cancel": ({_O.PLACED, _O.CONFIRMED}, set(_P), {_F.UNFULFILLED, _F.PACKED}),
    "pack": ({_O.CONFIRMED}, {_P.PAID}, {_F.UNFULFILLED}),
    "ship": ({_O.CONFIRMED}, {_P.PAID}, {_F.PACKED}),
    "refund": ({_O.CONFIRMED, _O.COMPLETED}, {_P.PAID}, {_F.UNFULFILLED, _F.DELIVERED}),
}


def statuses_before(new: StrEnum) -> list[StrEnum]:
    """Return the statuses of the same kind from which `new` may be reached in one move."""
    return [old for old, allowed in _MOVES.items() if new in allowed]


def actions_for(*statuses: str) -> set[str]:
    """Return what may be done to an order with these statuses of order, payment and fulfillment."""
    return {
        action
        for action, allowed in _ACTIONS.items()
        if all(status in each for status, each in zip(statuses, allowed, strict=True))
    }
