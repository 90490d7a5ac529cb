"""What holds of the store's own books at every moment, also while shoppers and workers write.

How stock moves is told in docs/stock.md, what codes and limits may do in docs/discounts.md.
"""

from collections import Counter
from collections.abc import Iterator

from shop.domain.money import share_of
from shop.models import Allowance, Coupon, GiftCard, Order, Product, StockItem
from tests.load.invariants import check_sums
from tests.load.soak.record import IN_THE_BUILDING, OPEN, StoreRecord
from tests.load.soak.rules import Rules

STORE_RULES: Rules[StoreRecord] = Rules()
_COUPON, _PRODUCT = "coupon:", "product:"
_Limit = tuple[str, str, int]


@STORE_RULES.about(lambda store: store.shelf)
def nothing_is_oversold(_: StoreRecord, item: StockItem) -> Iterator[str]:
    if not 0 <= item.allocated <= item.on_hand:
        yield f"Product {item.product_id}: {item.allocated} of {item.on_hand} are promised."


@STORE_RULES.about(lambda store: store.shelf)
def what_is_promised_is_in_open_orders(store: StoreRecord, item: StockItem) -> Iterator[str]:
    promised = sum(
        line.units_left
        for order in store.orders
        if order.status in OPEN and order.fulfillment_status in IN_THE_BUILDING
        for line in order.lines
        if line.product_id == item.product_id
    )
    if item.allocated != promised:
        yield f"Product {item.product_id}: {item.allocated} allocated, {promised} in open orders."


@STORE_RULES.about(lambda store: store.shelf)
def the_ledger_adds_up_to_the_shelf(store: StoreRecord, item: StockItem) -> Iterator[str]:
    moved = store.ledger[item.product_id]
    if item.on_hand != moved:
        yield f"Product {item.product_id}: {item.on_hand} on hand, {moved} by the ledger."


@STORE_RULES.about(lambda store: store.orders)
def totals_add_up(store: StoreRecord, order: Order) -> Iterator[str]:
    rates = {coupon.code: coupon.rate for coupon in store.coupons}
    discount = share_of(order.totals.goods, rates.get(order.coupon_code or "", 0))
    if order.totals.discount != discount:
        yield f"{order.number}: its discount is {order.totals.discount}, not {discount}."
    yield from check_sums(order)


@STORE_RULES.about(lambda store: store.orders)
def refunds_stay_within_what_was_paid(_: StoreRecord, order: Order) -> Iterator[str]:
    to_card = sum(refund.amount for refund in order.refunds)
    to_gift_card = order.refunded_amount - to_card
    if to_card > order.totals.charge.amount:
        yield f"{order.number}: {to_card} went back to a card charged {order.totals.charge}."
    if not 0 <= to_gift_card <= order.gift_card_amount:
        yield f"{order.number}: {to_gift_card} of {order.gift_card_amount} went to the gift card."


@STORE_RULES.about(lambda store: store.orders)
def the_history_ends_where_the_order_is(_: StoreRecord, order: Order) -> Iterator[str]:
    steps = [(entry.subject, entry.status) for entry in order.history]
    if dict(steps) != {
        "status": order.status,
        "payment_status": order.payment_status,
        "fulfillment_status": order.fulfillment_status,
    }:
        yield f"{order.number}: its history ends with {dict(steps)}."
    yield from (
        f"{order.number} was {step} {n} times." for step, n in Counter(steps).items() if n > 1
    )


@STORE_RULES.about(lambda store: store.coupons)
def coupons_are_used_as_often_as_they_may(store: StoreRecord, coupon: Coupon) -> Iterator[str]:
    kept = sum(o.status != "canceled" for o in store.orders if o.coupon_code == coupon.code)
    if coupon.used != kept:
        yield f"{coupon.code}: {coupon.used} uses are counted, and {kept} orders have it."
    if kept > coupon.most_uses:
        yield f"{coupon.code}: {kept} orders have it, of {coupon.most_uses} that may."


@STORE_RULES.about(lambda store: _coupon_buyers(store))
def no_buyer_uses_a_coupon_too_often(store: StoreRecord, use: tuple[str, str]) -> Iterator[str]:
    code, buyer = use
    kept = sum(
        order.coupon_code == code and order.status != "canceled" and store.buyer_of(order) == buyer
        for order in store.orders
    )
    counted = store.used[_COUPON + code, buyer, 0]
    [most] = [coupon.most_per_buyer for coupon in store.coupons if coupon.code == code]
    if counted != kept:
        yield f"{code}: {counted} uses of {buyer} are counted, and {kept} of their orders have it."
    if kept > most:
        yield f"{code}: {buyer} has used it {kept} times, of {most}."


@STORE_RULES.about(lambda store: store.gift_cards)
def gift_cards_pay_what_was_paid_for_them(store: StoreRecord, card: GiftCard) -> Iterator[str]:
    own = [order for order in store.orders if order.gift_card_code == card.code]
    spent = sum(order.gift_card_amount for order in own)
    returned = sum(order.refunded_to_gift_card.amount for order in own)
    if card.balance < 0 or card.balance != card.amount - spent + returned:
        yield f"{card.code}: {card.balance} left of {card.amount} - {spent} + {returned}."


@STORE_RULES.about(lambda store: _limits(store))
def no_buyer_gets_more_than_the_limit(store: StoreRecord, limit: _Limit) -> Iterator[str]:
    """Units that came back after delivery stay counted; which those were, no row says."""
    own = [
        line
        for order, line in store.limited
        if (line.sku, store.buyer_of(order), line.limit_window) == limit
        and order.status != "canceled"
    ]
    sku, buyer, window = limit
    kept, sold = sum(line.units_left for line in own), sum(line.quantity for line in own)
    counted = store.used[_PRODUCT + sku, buyer, window]
    [most] = [product.most_per_buyer for product in store.products if product.sku == sku]
    if not kept <= counted <= sold:
        yield f"{sku}: {counted} units of {buyer} are counted, who kept {kept} of {sold}."
    if max(counted, kept) > (most or 0):
        yield f"{sku}: {buyer} has {max(counted, kept)} units, of {most}."


@STORE_RULES.about(lambda store: store.products)
def stars_are_those_of_the_reviews(store: StoreRecord, product: Product) -> Iterator[str]:
    stars = [review.stars for review in store.reviews if review.product_id == product.id]
    if (product.review_count, product.stars_total) != (len(stars), sum(stars)):
        counted = f"{product.stars_total} stars in {product.review_count} reviews"
        yield f"{product.sku}: {counted}, and by the reviews {sum(stars)} in {len(stars)}."


def _coupon_buyers(store: StoreRecord) -> set[tuple[str, str]]:
    """Return each code with each buyer who has used it, by the orders or by the counters."""
    counted = {(a.subject.removeprefix(_COUPON), a.buyer) for a in _counted(store, _COUPON)}
    return counted | {(o.coupon_code, store.buyer_of(o)) for o in store.orders if o.coupon_code}


def _limits(store: StoreRecord) -> set[_Limit]:
    """Return each scarce SKU with each buyer and window, by the orders or by the counters."""
    counted = {
        (a.subject.removeprefix(_PRODUCT), a.buyer, a.period) for a in _counted(store, _PRODUCT)
    }
    return counted | {
        (line.sku, store.buyer_of(order), line.limit_window or 0) for order, line in store.limited
    }


def _counted(store: StoreRecord, prefix: str) -> list[Allowance]:
    return [each for each in store.allowances if each.subject.startswith(prefix)]
