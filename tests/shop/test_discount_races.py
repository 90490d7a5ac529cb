import re
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from scenarios.kit.clock import START
from scenarios.kit.interleaving import interleave
from scenarios.kit.meters import Cost, measure
from shop.domain.money import Money
from shop.errors import ChangedMeanwhile, CouponRefused, GiftCardRefused
from shop.gateways.fakes import APPROVED, make_fakes
from shop.models import Coupon, GiftCard, Order, Product, ShippingRate, StockItem
from shop.services.checkout import CheckoutForm, Delivery, place_order
from shop.services.fulfillment import pack_order
from shop.services.promotions import Codes
from shop.services.refunds import cancel_order, refund_units
from tests.factories import (
    CartFactory,
    CartLineFactory,
    CountryFactory,
    CouponFactory,
    GiftCardFactory,
    ProductFactory,
    ShippingRateFactory,
)
from tests.shop.order_books import find_faults

DELIVERY = Delivery("", "Ada", "12 Main St", "London", "SW1", "GB", "standard")
COUPON, GIFT_CARD = Codes("TENTH"), Codes("", "GIFT0000GIFT0000")
SKU, ON_HAND, TOTAL, WITH_COUPON = "TST-SAW", 9, 2873, 2633
Act = Callable[[], object]
T = TypeVar("T")


class Shop:
    """What several shoppers do at once, each with a session of their own."""

    def __init__(self, app: Flask, session: Session) -> None:
        CountryFactory.create()
        ShippingRateFactory.create()
        self.saw: Product = ProductFactory.create(sku=SKU, on_hand=ON_HAND)
        self.sessions, self.session = app.extensions["sessions"], session

    def shopper(
        self, codes: Codes, charge: int, email: str = "ada@example.com", quantity: int = 1
    ) -> Act:
        """Fill a cart and return what places its order."""
        cart = CartFactory.create()
        CartLineFactory.create(cart_id=cart.id, product=self.saw, quantity=quantity)
        token, delivery = cart.token, replace(DELIVERY, email=email)
        form = CheckoutForm(delivery, APPROVED, cart.checkout_token, Money(charge), codes=codes)
        self.session.rollback()
        return lambda: self.call(place_order, make_fakes(), token, form, START)

    def call(self, service: Callable[..., T], *arguments: object) -> T:
        with self.sessions() as own:
            return service(own, *arguments)

    def give_saws_away(self) -> None:
        """Let a coupon pay for all goods, and carriage cost nothing."""
        CouponFactory.create(rate=10_000)
        self.session.execute(update(ShippingRate).values(amount=0))
        self.session.commit()

    def read(self, column: InstrumentedAttribute[int]) -> int | None:
        self.session.rollback()
        return self.session.scalar(select(column))

    @property
    def orders(self) -> int | None:
        self.session.rollback()
        return self.session.scalar(select(func.count()).select_from(Order))


@pytest.fixture
def shop(app: Flask, session: Session) -> Shop:
    return Shop(app, session)


def test_one_gift_card_pays_for_two_orders_one_after_the_other(shop: Shop) -> None:
    GiftCardFactory.create(amount=2 * TOTAL)
    first, second = shop.shopper(GIFT_CARD, 0), shop.shopper(GIFT_CARD, 0)

    first()
    second()

    assert (shop.orders, shop.read(GiftCard.balance)) == (2, 0)


def test_of_two_orders_at_once_one_spends_the_gift_card(shop: Shop) -> None:
    GiftCardFactory.create(amount=TOTAL)
    first, second = shop.shopper(GIFT_CARD, 0), shop.shopper(GIFT_CARD, 0)

    race = interleave(first, second)

    assert isinstance(race.a.refusal, GiftCardRefused)
    assert (race.b.is_refused, shop.orders, shop.read(GiftCard.balance)) == (False, 1, 0)
    assert find_faults(shop.session, ON_HAND) == []


def test_the_last_two_uses_of_a_coupon_go_to_two_orders(shop: Shop) -> None:
    CouponFactory.create(most_uses=2)
    first = shop.shopper(COUPON, WITH_COUPON)
    second = shop.shopper(COUPON, WITH_COUPON, "bob@example.com")

    first()
    second()

    assert (shop.orders, shop.read(Coupon.used)) == (2, 2)


def test_of_two_orders_at_once_one_gets_the_last_use_of_a_coupon(shop: Shop) -> None:
    CouponFactory.create(most_uses=1)
    first = shop.shopper(COUPON, WITH_COUPON)
    second = shop.shopper(COUPON, WITH_COUPON, "bob@example.com")

    race = interleave(first, second)

    assert isinstance(race.a.refusal, CouponRefused)
    assert "used up" in str(race.a.refusal)
    assert (race.b.is_refused, shop.orders, shop.read(Coupon.used)) == (False, 1, 1)
    assert find_faults(shop.session, ON_HAND) == []


def test_one_buyer_uses_a_coupon_as_often_as_one_may(shop: Shop) -> None:
    CouponFactory.create(most_per_buyer=2)
    first, second = (shop.shopper(COUPON, WITH_COUPON) for _ in range(2))

    first()
    second()

    assert (shop.orders, shop.read(Coupon.used)) == (2, 2)


def test_of_two_orders_of_one_buyer_at_once_one_gets_the_coupon(shop: Shop) -> None:
    CouponFactory.create()
    first, second = (shop.shopper(COUPON, WITH_COUPON) for _ in range(2))

    race = interleave(first, second)

    assert isinstance(race.a.refusal, CouponRefused)
    assert "already" in str(race.a.refusal)
    assert (race.b.is_refused, shop.orders, shop.read(Coupon.used)) == (False, 1, 1)
    assert find_faults(shop.session, ON_HAND) == []


def test_what_a_cancellation_gives_back_can_be_spent_by_an_order_at_once(shop: Shop) -> None:
    GiftCardFactory.create(amount=2 * TOTAL)
    number = shop.shopper(GIFT_CARD, 0)()
    place = shop.shopper(GIFT_CARD, 0)

    race = interleave(place, lambda: shop.call(cancel_order, number, START))

    assert (race.a.is_refused, race.b.is_refused) == (False, False)
    assert shop.read(GiftCard.balance) == TOTAL
    assert find_faults(shop.session, ON_HAND) == []


def test_an_order_that_is_canceled_twice_at_once_gives_back_once(shop: Shop) -> None:
    CouponFactory.create()
    GiftCardFactory.create(amount=TOTAL)
    number = shop.shopper(Codes("TENTH", "GIFT0000GIFT0000"), 0)()

    def cancel() -> None:
        shop.call(cancel_order, number, START)

    race = interleave(cancel, cancel)

    assert (type(race.a.refusal), race.b.is_refused) == (ChangedMeanwhile, False)
    assert (shop.read(GiftCard.balance), shop.read(Coupon.used)) == (TOTAL, 0)
    assert find_faults(shop.session, ON_HAND) == []


@pytest.mark.parametrize("second", ["refund", "cancel", "pack"])
def test_units_that_cost_nothing_come_back_once(shop: Shop, second: str) -> None:
    shop.give_saws_away()
    number = shop.shopper(COUPON, 0, quantity=3)()
    acts: dict[str, Act] = {
        "refund": lambda: shop.call(refund_units, number, SKU, 2, START),
        "cancel": lambda: shop.call(cancel_order, number, START),
        "pack": lambda: shop.call(pack_order, number, START),
    }

    race = interleave(acts["refund"], acts[second])

    assert (type(race.a.refusal), race.b.is_refused) == (ChangedMeanwhile, False)
    kept = {"refund": 1, "cancel": 0, "pack": 3}[second]
    assert shop.read(StockItem.allocated) == kept
    assert find_faults(shop.session, ON_HAND) == []


def test_a_cancellation_finds_the_units_that_came_back_meanwhile(shop: Shop) -> None:
    shop.give_saws_away()
    number = shop.shopper(COUPON, 0, quantity=3)()

    race = interleave(
        lambda: shop.call(cancel_order, number, START),
        lambda: shop.call(refund_units, number, SKU, 2, START),
    )

    assert (type(race.a.refusal), race.b.is_refused) == (ChangedMeanwhile, False)
    assert shop.read(StockItem.allocated) == 1
    assert find_faults(shop.session, ON_HAND) == []


def locks(cost: Cost) -> list[str]:
    """Return what is locked that orders share, in the order in which it is."""
    shared = "stock_item|coupon|gift_card|allowance"
    found = (re.match(f"(?:UPDATE|INSERT INTO) ({shared}) ", each.sql) for each in cost.writes)
    return [each[1] for each in found if each]


@pytest.mark.parametrize("is_paid", [True, False])
def test_an_order_and_its_cancellation_take_their_locks_in_one_order(
    app: Flask, shop: Shop, is_paid: bool
) -> None:
    engine = app.extensions["sessions"].kw["bind"]
    shop.saw.most_per_buyer = 9
    CouponFactory.create()
    GiftCardFactory.create(amount=WITH_COUPON if is_paid else 1000)
    charge = 0 if is_paid else WITH_COUPON - 1000
    place = shop.shopper(Codes("TENTH", "GIFT0000GIFT0000"), charge)

    with measure(engine) as placing:
        number = place()
    with measure(engine) as canceling:
        shop.call(cancel_order, number, START)

    # A coupon's own allowance is locked by nobody who does not hold the coupon.
    assert locks(placing) == ["stock_item", "coupon", "allowance", "gift_card", "allowance"]
    assert locks(canceling) == locks(placing)
