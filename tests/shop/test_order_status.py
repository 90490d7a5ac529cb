from enum import StrEnum
from itertools import permutations, product

import pytest

from shop.domain.order_status import (
    FulfillmentStatus,
    OrderStatus,
    PaymentStatus,
    actions_for,
    statuses_before,
)

ALLOWED = {
    OrderStatus: {
        ("placed", "confirmed"),
        ("placed", "canceled"),
        ("confirmed", "completed"),
        ("confirmed", "canceled"),
    },
    PaymentStatus: {
        ("pending", "authorized"),
        ("pending", "failed"),
        ("pending", "paid"),
        ("pending", "declined"),
        ("pending", "voided"),
        ("pending", "refunded"),
        ("authorized", "failed"),
        ("authorized", "paid"),
        ("authorized", "voided"),
        ("authorized", "refunded"),
        ("failed", "paid"),
        ("failed", "voided"),
        ("failed", "refunded"),
        ("paid", "refunded"),
    },
    FulfillmentStatus: {
        ("unfulfilled", "packed"),
        ("packed", "shipping"),
        ("shipping", "shipped"),
        ("shipped", "delivered"),
    },
}
AUTHORIZED, FAILED, PAID = PaymentStatus.AUTHORIZED, PaymentStatus.FAILED, PaymentStatus.PAID
VOIDED, REFUNDED = PaymentStatus.VOIDED, PaymentStatus.REFUNDED


@pytest.mark.parametrize(
    ("old", "new"), [pair for kind in ALLOWED for pair in product(kind, repeat=2)]
)
def test_only_the_moves_of_the_tables_are_allowed(old: StrEnum, new: StrEnum) -> None:
    assert (old in statuses_before(new)) == ((old, new) in ALLOWED[type(new)])


@pytest.mark.parametrize(
    ("news", "last"),
    [
        ((AUTHORIZED,), AUTHORIZED),
        ((AUTHORIZED, PAID), PAID),
        ((AUTHORIZED, FAILED), FAILED),
        ((AUTHORIZED, FAILED, PAID), PAID),
        ((AUTHORIZED, FAILED, FAILED, PAID, PAID), PAID),
        ((AUTHORIZED, FAILED, VOIDED), VOIDED),
        ((AUTHORIZED, FAILED, PAID, REFUNDED), REFUNDED),
    ],
)
def test_a_payment_ends_the_same_in_whatever_order_its_news_arrives(
    news: tuple[PaymentStatus, ...], last: PaymentStatus
) -> None:
    ends = {follow(order) for order in permutations(news)}

    assert ends == {last}


def follow(news: tuple[PaymentStatus, ...]) -> PaymentStatus:
    status = PaymentStatus.PENDING
    for new in news:
        if status in statuses_before(new):
            status = new
    return status


def test_people_may_do_what_the_table_says_and_nothing_else() -> None:
    allowed = {
        (order, payment, fulfillment): actions
        for order, payment, fulfillment in product(OrderStatus, PaymentStatus, FulfillmentStatus)
        if (actions := actions_for(order, payment, fulfillment))
    }

    inside = ("unfulfilled", "packed")
    expected: dict[tuple[str, ...], set[str]] = {
        each: {"cancel"} for each in product(("placed", "confirmed"), PaymentStatus, inside)
    }
    expected["confirmed", "paid", "unfulfilled"] |= {"pack", "refund"}
    expected["confirmed", "paid", "packed"] |= {"ship"}
    expected["confirmed", "paid", "delivered"] = {"refund"}
    expected["completed", "paid", "delivered"] = {"refund"}
    expected["completed", "paid", "unfulfilled"] = {"refund"}
    assert allowed == expected
