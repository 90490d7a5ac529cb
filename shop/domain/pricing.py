"""What an order costs: goods - discount + shipping + tax = total, all in one currency.

A gift card is a way to pay and no discount: total - gift card = charge, which the card pays.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from shop.domain.money import NOTHING, Money, part_of, share_of

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
    discount: Money = NOTHING
    gift_card: Money = NOTHING

    @property
    def total(self) -> Money:
        return self.goods - self.discount + self.shipping + self.tax

    @property
    def charge(self) -> Money:
        return self.total - self.gift_card


def sum_lines(lines: Iterable[PricedLine]) -> Money:
    """Return what the goods cost, before shipping and tax."""
    return sum((line.total for line in lines), NOTHING)


def price_order(
    lines: Iterable[PricedLine],
    shipping: Money,
    tax_rate: int,
    coupon_rate: int = 0,
    balance: Money = NOTHING,
) -> Totals:
    """Price an order with the rate of its coupon and the balance of its gift card.

    Rates are in basis points. The tax falls on discounted goods and shipping alike: tax on the
    carriage follows the tax on what is carried, as HMRC's VAT Notice 700/24 has it.
    """
    goods = sum_lines(lines)
    discount = share_of(goods, coupon_rate)
    tax = share_of(goods - discount + shipping, tax_rate)
    totals = Totals(goods, shipping, tax_rate, tax, discount)
    return replace(totals, gift_card=min(balance, totals.total))


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
    once over all goods, several refunds never add up to more than the total. Goods count with their
    part of the discount. The carriage is given back with the last of the goods, as the EU's
    Consumer Rights Directive, article 13, has it.
    """
    if is_whole:
        return totals.total
    paid = goods_back - part_of(totals.discount, goods_back.amount, totals.goods.amount)
    return paid + share_of(paid, totals.tax_rate)


def card_part(totals: Totals, refunded: Money) -> Money:
    """Return what of a refund goes to the card, up to its charge; the gift card gets the rest.

    Like `price_refund` it counts from the start of the order.
    """
    return min(refunded, totals.charge)
