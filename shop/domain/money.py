"""Money as an integer of minor units with its ISO 4217 code, never a float.

Rates are integers in basis points: 2000 is 20%.
"""

from dataclasses import dataclass

CURRENCY = "GBP"
_SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$"}
_FULL_RATE = 10_000


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount in minor units (pence for GBP) of one currency."""

    amount: int
    currency: str = CURRENCY

    def __add__(self, other: "Money") -> "Money":
        self._require_same_currency(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return self + other * -1

    def __mul__(self, quantity: int) -> "Money":
        return Money(self.amount * quantity, self.currency)

    def __str__(self) -> str:
        """Show two decimals, as every currency that the store sells in has them."""
        sign = "-" if self.amount < 0 else ""
        units, cents = divmod(abs(self.amount), 100)
        return f"{sign}{_SYMBOLS.get(self.currency, self.currency + ' ')}{units:,}.{cents:02d}"

    def _require_same_currency(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")


NOTHING = Money(0)


def share_of(money: Money, basis_points: int) -> Money:
    """Return the share of `money` that a rate stands for, rounded half up."""
    return part_of(money, basis_points, _FULL_RATE)


def part_of(money: Money, part: int, whole: int) -> Money:
    """Return `part` of `whole` parts of `money`, rounded half up; of no parts there is nothing.

    This is the one place that rounds. Half up, away from zero for the positive amounts that the
    store has, is what a shopper gets with a pocket calculator, and it is applied once to a sum,
    not to each line, so that no pennies gather.
    """
    return Money((money.amount * part + whole // 2) // whole if whole else 0, money.currency)
