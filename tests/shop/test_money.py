import pytest

from shop.domain.money import Money, part_of, share_of


@pytest.mark.parametrize(
    ("amount", "basis_points", "share"),
    [
        (0, 2000, 0),
        (1999, 0, 0),
        (1999, 10_000, 1999),
        (4393, 2000, 879),
        # The edges: .4999 goes down, .5 goes up, next to an even number as next to an odd one.
        (1, 4999, 0),
        (1, 5000, 1),
        (3, 5000, 2),
        (15, 1000, 2),
        (25, 1000, 3),
        (99_999_999, 2500, 25_000_000),
    ],
)
def test_a_share_is_rounded_half_up(amount: int, basis_points: int, share: int) -> None:
    assert share_of(Money(amount), basis_points) == Money(share)


def test_no_parts_of_nothing_are_nothing() -> None:
    assert part_of(Money(500), 0, 0) == Money(0)


@pytest.mark.parametrize(
    ("money", "shown"),
    [
        (Money(0), "£0.00"),
        (Money(5), "£0.05"),
        (Money(1999), "£19.99"),
        (Money(123_456_789), "£1,234,567.89"),
        (Money(-150), "-£1.50"),
        (Money(100, "EUR"), "€1.00"),
        (Money(100, "CHF"), "CHF 1.00"),
    ],
)
def test_money_is_shown_with_its_symbol_and_two_decimals(money: Money, shown: str) -> None:
    assert str(money) == shown


def test_money_of_one_currency_adds_up() -> None:
    assert Money(1999) * 2 + Money(395) == Money(4393)


def test_money_of_two_currencies_does_not_add_up() -> None:
    with pytest.raises(ValueError, match="cannot add EUR to GBP"):
        Money(1) + Money(1, "EUR")
