import pytest

from shop.domain.money import Money
from shop.domain.pricing import PricedLine, believable_carriage, price_order, sum_lines


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
