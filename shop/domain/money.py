"""Money as an integer of minor units with its ISO 4217 code, never a float.

Rates are integers in basis points: 2000 is 20%.
"""

from dataclasses import dataclass

CURRENCY = "GBP"
_SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$"}
_FULL_RATE = 10_000


@dataclass(frozen=True, slots=True)
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


def share_of(money: Money, basis_points: int) -> Money:
    """Return the share of `money` that a rate stands for, rounded half up.

    This is the one place that rounds. Half up, away from zero for the positive amounts that the
    store has, is what a shopper gets with a pocket calculator, and it is applied once to a sum,
    not to each line, so that no pennies gather.
    """
    return Money((money.amount * basis_points + _FULL_RATE // 2) // _FULL_RATE, money.currency)
