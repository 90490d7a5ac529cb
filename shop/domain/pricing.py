"""What an order costs: goods + shipping + tax = total, all in one currency."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shop.domain.money import Money, share_of

# A carriage dearer than so many times the usual is taken for a mistake.
_MOST_TIMES = 5


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A quantity of one product at the price it is sold at, before tax."""

    product_id: int
    sku: str
    name: str
    unit_price: Money
    quantity: int

    @property
    def total(self) -> Money:
        return self.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class Totals:
    """The sums that checkout, order page and mail show; `tax_rate` is in basis points."""

    goods: Money
    shipping: Money
    tax_rate: int
    tax: Money

    @property
    def total(self) -> Money:
        return self.goods + self.shipping + self.tax


def sum_lines(lines: Iterable[PricedLine]) -> Money:
    """Return what the goods cost, before shipping and tax."""
    return sum((line.total for line in lines), Money(0))


def price_order(lines: Iterable[PricedLine], shipping: Money, tax_rate: int) -> Totals:
    """Price an order; `tax_rate` is in basis points and falls on goods and shipping alike.

    Tax on the carriage follows the tax on what is carried, as HMRC's VAT Notice 700/24 has it.
    """
    goods = sum_lines(lines)
    return Totals(goods, shipping, tax_rate, tax=share_of(goods + shipping, tax_rate))


def believable_carriage(quote: Mapping[str, object], usual: Money) -> Money:
    """Return the carrier's price, or the usual one when that is missing or cannot be right.

    A price is believed that is whole minor units of the usual currency, above nothing and at most
    five times the usual.
    """
    amount, currency = quote.get("amount"), quote.get("currency")
    if type(amount) is not int or currency != usual.currency:
        return usual
    return Money(amount, usual.currency) if 0 < amount <= _MOST_TIMES * usual.amount else usual


def price_refund(totals: Totals, goods_back: Money, *, is_whole: bool) -> Money:
    """Return how much of the total has to be given back once these goods have come back.

    It counts from the start of the order, and what was given back before is part of it: rounded
    once over all goods, several refunds never add up to more than the total. The carriage is given
    back with the last of the goods, as the EU's Consumer Rights Directive, article 13, has it.
    """
    return totals.total if is_whole else goods_back + share_of(goods_back, totals.tax_rate)
