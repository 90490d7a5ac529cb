from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from shop.domain.money import Money
from shop.domain.pricing import Totals
from shop.errors import CardNeeded, CouponRefused, GiftCardRefused, Refusal, TotalChanged
from shop.gateways.fakes import APPROVED, make_fakes
from shop.models import Allowance, Coupon, GiftCard, Order, Product, StockItem
from shop.services.checkout import CheckoutForm, Delivery, place_order
from shop.services.promotions import Codes
from shop.services.quotes import quote_cart
from tests.factories import (
    CartFactory,
    CartLineFactory,
    CountryFactory,
    CouponFactory,
    CustomerFactory,
    GiftCardFactory,
    ProductFactory,
    ShippingRateFactory,
)
from tests.shop.leftovers import left

ADA = Delivery("ada@example.com", "Ada", "12 Main St", "London", "SW1", "GB", "standard")
COUPON, GIFT_CARD = "TENTH", "GIFT0000GIFT0000"
BOTH = Codes(COUPON, GIFT_CARD)


@pytest.fixture
def anvil(session: Session) -> Product:
    """A product at 60.00, in a store that sends it for 3.95 and takes 20% tax."""
    CountryFactory.create()
    ShippingRateFactory.create()
    anvil: Product = ProductFactory.create(price_amount=6000)
    return anvil


class Till:
    """What places orders of one anvil, each from a cart of its own."""

    def __init__(self, session: Session, anvil: Product) -> None:
        self.session, self.product_id = session, anvil.id

    def place(
        self,
        codes: Codes,
        charge: int,
        email: str = "ada@example.com",
        customer_id: int | None = None,
        card: str = APPROVED,
    ) -> str:
        self.session.rollback()
        product = self.session.get_one(Product, self.product_id)
        cart = CartFactory.create()
        CartLineFactory.create(cart_id=cart.id, product=product)
        delivery = replace(ADA, email=email)
        form = CheckoutForm(
            delivery, card, cart.checkout_token, Money(charge), customer_id, codes=codes
        )
        return place_order(self.session, make_fakes(), cart.token, form, START)


@pytest.fixture
def till(session: Session, anvil: Product) -> Till:
    return Till(session, anvil)


def quote(session: Session, anvil: Product, codes: Codes) -> Totals:
    """Return what one anvil costs with these codes."""
    cart = CartFactory.create()
    CartLineFactory.create(cart_id=cart.id, product=anvil)
    return quote_cart(session, cart, ("GB", "standard"), {}, START, codes)


def balance(session: Session) -> int:
    session.rollback()
    return session.scalars(select(GiftCard.balance)).one()


def uses(session: Session) -> tuple[int, list[tuple[str, str, int]]]:
    """Count the uses of the coupon, in all and by buyer."""
    session.rollback()
    rows = session.scalars(select(Allowance)).all()
    by_buyer = [(row.subject, row.buyer, row.used) for row in rows]
    return session.scalars(select(Coupon.used)).one(), by_buyer


def refuse(till: Till, kind: type[Refusal], codes: Codes, charge: int, **order: Any) -> str:
    """Return the sentence with which an order is refused."""
    with pytest.raises(kind) as refusal:
        till.place(codes, charge, **order)
    return str(refusal.value)


def test_an_order_keeps_what_its_codes_took_off(session: Session, till: Till) -> None:
    CouponFactory.create()
    GiftCardFactory.create()

    till.place(BOTH, 4454)

    order = session.scalars(select(Order)).one()
    assert (order.coupon_code, order.discount_amount) == (COUPON, 600)
    assert (order.gift_card_code, order.gift_card_amount) == (GIFT_CARD, 2500)
    assert (order.tax_amount, order.total_amount, order.totals.charge) == (1159, 6954, Money(4454))


def test_an_order_uses_up_its_coupon_once_and_its_gift_card(session: Session, till: Till) -> None:
    CouponFactory.create()
    GiftCardFactory.create()

    till.place(BOTH, 4454)

    assert uses(session) == (1, [("coupon:TENTH", "ada@example.com", 1)])
    assert balance(session) == 0


def test_a_gift_card_keeps_what_an_order_does_not_cost(session: Session, till: Till) -> None:
    GiftCardFactory.create(amount=10_000)

    till.place(Codes("", GIFT_CARD), 0)

    assert balance(session) == 10_000 - 7674


@pytest.mark.parametrize(
    ("coupon", "why"),
    [
        ({"code": "OTHER"}, "we do not know it"),
        ({"starts_at": datetime(2026, 3, 2, 9, 0, 1, tzinfo=UTC)}, "from 2 March 2026 until"),
        ({"ends_at": START}, "it is good from 1 January 2026 until 2 March 2026"),
        ({"minimum_amount": 6001}, "it is for goods of £60.01 or more"),
        ({"most_uses": 3, "used": 3}, "it has been used up"),
    ],
)
def test_a_coupon_that_does_not_hold_is_refused_with_its_reason(
    session: Session, till: Till, coupon: dict[str, Any], why: str
) -> None:
    CouponFactory.create(**coupon)

    said = refuse(till, CouponRefused, Codes(COUPON), 6954)

    assert (said.startswith("We cannot take this coupon: "), why in said) == (True, True), said
    assert (left(session), uses(session)) == ((0, 0, 1), (coupon.get("used", 0), []))


@pytest.mark.parametrize(
    "coupon",
    [
        {"starts_at": START},
        {"ends_at": datetime(2026, 3, 2, 9, 0, 1, tzinfo=UTC)},
        {"minimum_amount": 6000},
        {"most_uses": 3, "used": 2},
    ],
)
def test_a_coupon_holds_up_to_its_edges(
    session: Session, till: Till, coupon: dict[str, Any]
) -> None:
    CouponFactory.create(**coupon)

    till.place(Codes(COUPON), 6954)

    assert uses(session)[0] == coupon.get("used", 0) + 1


def test_a_buyer_uses_a_coupon_as_often_as_one_buyer_may(session: Session, till: Till) -> None:
    CouponFactory.create(most_per_buyer=2)
    for email in ("ada@example.com", "Ada@Example.com"):
        till.place(Codes(COUPON), 6954, email)

    said = refuse(till, CouponRefused, Codes(COUPON), 6954, email="ADA@EXAMPLE.COM")
    till.place(Codes(COUPON), 6954, "bob@example.com")

    assert said == "We cannot take this coupon: you have used it already."
    assert uses(session)[0] == 3


def test_a_customer_who_types_another_address_is_the_same_buyer(
    session: Session, till: Till
) -> None:
    CouponFactory.create()
    ada = CustomerFactory.create(email="ada@example.com").id
    till.place(Codes(COUPON), 6954, customer_id=ada)

    refuse(till, CouponRefused, Codes(COUPON), 6954, customer_id=ada, email="new@example.com")

    assert uses(session) == (1, [("coupon:TENTH", "ada@example.com", 1)])


@pytest.mark.parametrize(
    "card", [{"code": "OTHER"}, {"ends_at": START}, {"balance": 0}, {"amount": 0}]
)
def test_a_gift_card_that_cannot_pay_is_refused_and_not_told_why(
    session: Session, till: Till, card: dict[str, Any]
) -> None:
    GiftCardFactory.create(**card)

    said = refuse(till, GiftCardRefused, Codes("", GIFT_CARD), 5174)

    assert said == "We do not know this gift card, or it is empty or too old."
    assert left(session) == (0, 0, 1)


@pytest.mark.parametrize("code", ["%", "_" * 16, "GIFT%", "GIFT0000GIFT000_", "gift0000gift0000"])
def test_only_the_whole_code_of_a_gift_card_finds_it(
    session: Session, anvil: Product, code: str
) -> None:
    GiftCardFactory.create()

    with pytest.raises(GiftCardRefused):
        quote(session, anvil, Codes("", code))


@pytest.mark.parametrize("code", ["%", "_____", "TEN%", "tenth"])
def test_only_the_whole_code_of_a_coupon_finds_it(
    session: Session, anvil: Product, code: str
) -> None:
    CouponFactory.create()

    with pytest.raises(CouponRefused):
        quote(session, anvil, Codes(code))


def test_a_balance_that_went_meanwhile_is_another_total_and_changes_nothing(
    session: Session, till: Till
) -> None:
    CouponFactory.create()
    GiftCardFactory.create(balance=1000)

    said = refuse(till, TotalChanged, BOTH, 4454)

    assert said.startswith("The total is now £59.54, not £44.54.")
    assert (left(session), balance(session), uses(session)) == ((0, 0, 1), 1000, (0, []))


def test_what_is_left_to_pay_needs_a_card(session: Session, till: Till) -> None:
    GiftCardFactory.create()

    said = refuse(till, CardNeeded, Codes("", GIFT_CARD), 5174, card="")

    assert said == "There is £51.74 left to pay, so we need a card number."
    assert (left(session), balance(session)) == ((0, 0, 1), 2500)


def test_an_order_that_is_sold_out_uses_up_nothing(session: Session, till: Till) -> None:
    CouponFactory.create()
    GiftCardFactory.create()
    session.scalars(select(StockItem)).one().on_hand = 0
    session.commit()

    refuse(till, Refusal, BOTH, 4454)

    assert (balance(session), uses(session)) == (2500, (0, []))


def test_the_same_form_sent_again_uses_up_nothing_more(session: Session, anvil: Product) -> None:
    CouponFactory.create()
    GiftCardFactory.create()
    cart = CartFactory.create()
    CartLineFactory.create(cart_id=cart.id, product=anvil)
    form = CheckoutForm(ADA, APPROVED, cart.checkout_token, Money(4454), codes=BOTH)
    token, outside = cart.token, make_fakes()
    first = place_order(session, outside, token, form, START)

    again = place_order(session, outside, token, form, START)

    assert (again, balance(session), uses(session)[0]) == (first, 0, 1)


def test_a_quote_uses_up_nothing(session: Session, anvil: Product) -> None:
    CouponFactory.create()
    GiftCardFactory.create()

    totals = quote(session, anvil, BOTH)

    assert (totals.total, totals.charge) == (Money(6954), Money(4454))
    assert (balance(session), uses(session)) == (2500, (0, []))
