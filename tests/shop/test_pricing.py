import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shop.domain.money import Money, share_of
from shop.domain.pricing import (
    PricedLine,
    believable_carriage,
    card_part,
    price_order,
    price_refund,
    sum_lines,
)


def line(amount: int, quantity: int = 1, currency: str = "GBP") -> PricedLine:
    return PricedLine(1, "TST-001", "Thing", Money(amount, currency), quantity)


def test_tax_falls_on_goods_and_shipping() -> None:
    totals = price_order([line(1999, 2)], Money(395), 2000)

    assert (totals.goods, totals.tax, totals.total) == (Money(3998), Money(879), Money(5272))


def test_tax_is_rounded_once_and_not_on_each_line() -> None:
    assert price_order([line(2), line(2), line(2)], Money(0), 2000).tax == Money(1)


def test_no_lines_cost_nothing() -> None:
    assert sum_lines([]) == Money(0)


def test_shipping_in_another_currency_than_the_goods_has_no_total() -> None:
    with pytest.raises(ValueError, match="cannot add EUR to GBP"):
        price_order([line(100)], Money(395, "EUR"), 2000)


def test_a_coupon_takes_its_share_off_the_goods_before_tax() -> None:
    totals = price_order([line(6000)], Money(395), 2000, coupon_rate=1000)

    assert (totals.discount, totals.tax, totals.total) == (Money(600), Money(1159), Money(6954))


def test_a_gift_card_pays_as_far_as_it_goes_and_leaves_the_tax_as_it_is() -> None:
    totals = price_order([line(6000)], Money(395), 2000, coupon_rate=1000, balance=Money(2500))

    assert (totals.total, totals.gift_card, totals.charge) == (
        *(Money(6954), Money(2500)),
        Money(4454),
    )


def test_a_gift_card_pays_no_more_than_the_total() -> None:
    totals = price_order([line(1000)], Money(0), 0, balance=Money(5000))

    assert (totals.gift_card, totals.charge) == (Money(1000), Money(0))


def test_a_coupon_for_all_of_the_goods_leaves_the_carriage() -> None:
    totals = price_order([line(1999)], Money(395), 2000, coupon_rate=10_000)

    assert (totals.discount, totals.total) == (Money(1999), Money(474))


def test_goods_come_back_with_their_part_of_the_discount() -> None:
    totals = price_order([line(6000)], Money(395), 2000, coupon_rate=1000, balance=Money(2500))

    half = price_refund(totals, Money(3000), is_whole=False)
    assert (half, card_part(totals, half)) == (Money(3240), Money(3240))
    assert card_part(totals, totals.total) == Money(4454)


amounts = st.integers(0, 10**7)
rates = st.integers(0, 10_000)
prices = st.lists(amounts, min_size=1, max_size=8)
sums = settings(derandomize=True, database=None, max_examples=300)


@sums
@given(units=prices, shipping=amounts, tax_rate=rates, coupon_rate=rates, balance=amounts)
def test_whatever_makes_an_order_cheaper_its_sums_agree_and_none_is_below_zero(
    units: list[int], shipping: int, tax_rate: int, coupon_rate: int, balance: int
) -> None:
    lines = [line(amount) for amount in units]
    totals = price_order(lines, Money(shipping), tax_rate, coupon_rate, Money(balance))

    taxed = sum(units) - totals.discount.amount + shipping
    assert totals.tax == share_of(Money(taxed), tax_rate)
    assert totals.charge + totals.gift_card == totals.total == Money(taxed) + totals.tax
    assert totals.gift_card.amount == min(balance, totals.total.amount)
    assert 0 <= totals.discount.amount <= sum(units)
    assert min(totals.charge.amount, totals.gift_card.amount) >= 0


@sums
@given(
    units=prices,
    shipping=amounts,
    tax_rate=rates,
    coupon_rate=rates,
    balance=amounts,
    data=st.data(),
)
def test_refunds_one_by_one_add_up_to_the_total_and_never_to_more(
    units: list[int],
    shipping: int,
    tax_rate: int,
    coupon_rate: int,
    balance: int,
    data: st.DataObject,
) -> None:
    lines = [line(amount) for amount in units]
    totals = price_order(lines, Money(shipping), tax_rate, coupon_rate, Money(balance))
    order = data.draw(st.permutations(units))
    back = [Money(sum(order[: nth + 1])) for nth in range(len(order))]

    owed = [price_refund(totals, b, is_whole=b is back[-1]) for b in back]
    to_card = [card_part(totals, each) for each in owed]
    to_gift_card = [each - card for each, card in zip(owed, to_card, strict=True)]

    for column in (owed, to_card, to_gift_card):
        so_far = [money.amount for money in column]
        assert (so_far == sorted(so_far), so_far[0] >= 0) == (True, True)
    assert (owed[-1], to_card[-1], to_gift_card[-1]) == (
        *(totals.total, totals.charge),
        totals.gift_card,
    )


@pytest.mark.parametrize("amount", [1, 895, 4475])
def test_a_sensible_price_of_the_carrier_is_believed(amount: int) -> None:
    quote = {"amount": amount, "currency": "GBP", "days": 1}

    assert believable_carriage(quote, Money(895)) == Money(amount)


@pytest.mark.parametrize(
    "quote",
    [
        *({"amount": each, "currency": "GBP"} for each in (-5, 0, 4476, 10**9, 10**40)),
        *({"amount": each, "currency": "GBP"} for each in (None, "", "995", 1e9, 9.95, True, [1])),
        *({"amount": 995, "currency": each} for each in ("EUR", "gbp", "", None, ["GBP"])),
        *({}, {"amount": 995}, {"currency": "GBP"}),
    ],
)
def test_any_other_price_of_the_carrier_is_not_believed(quote: dict[str, object]) -> None:
    assert believable_carriage(quote, Money(895)) == Money(895)
