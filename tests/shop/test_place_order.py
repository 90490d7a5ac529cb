from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from shop.domain.money import Money
from shop.errors import CheckoutExpired, GatewayUnavailable, OutOfStock, TotalChanged
from shop.gateways import Gateways
from shop.gateways.fakes import APPROVED, FakePaymentProvider
from shop.gateways.payments import Card
from shop.models import Cart, CartLine, Job, Order, Product, StockItem
from shop.services.checkout import CheckoutForm, Delivery, place_order
from tests.factories import (
    CartFactory,
    CartLineFactory,
    CountryFactory,
    ProductFactory,
    ShippingRateFactory,
)


@pytest.fixture
def cart(session: Session) -> Cart:
    """A cart with two units of a product at 19.99, going to a country with 20% tax."""
    CountryFactory.create()
    ShippingRateFactory.create()
    cart: Cart = CartFactory.create()
    CartLineFactory.create(cart_id=cart.id, product=ProductFactory.create(on_hand=5), quantity=2)
    return cart


def form_for(cart: Cart, total: int = 5272, token: str = "") -> CheckoutForm:
    delivery = Delivery(
        "ada@example.com", "Ada", "12 St James's Square", "London", "SW1Y 4JH", "GB", "standard"
    )
    return CheckoutForm(delivery, APPROVED, token or cart.checkout_token, Money(total))


def count(session: Session, model: type[object]) -> int:
    return session.scalar(select(func.count()).select_from(model)) or 0


def test_a_cart_becomes_an_order_with_the_prices_as_sold(
    session: Session, cart: Cart, outside: Gateways
) -> None:
    number = place_order(session, outside, cart.token, form_for(cart), START)

    order = session.scalars(select(Order).where(Order.number == number)).one()
    assert [(line.unit_amount, line.quantity) for line in order.lines] == [(1999, 2)]
    assert (order.goods_amount, order.shipping_amount, order.tax_amount) == (3998, 395, 879)


def test_an_order_allocates_its_stock_and_queues_its_payment(
    session: Session, cart: Cart, outside: Gateways
) -> None:
    number = place_order(session, outside, cart.token, form_for(cart), START)

    assert session.scalars(select(StockItem.allocated)).all() == [2]
    assert [(job.kind, job.payload["number"]) for job in session.scalars(select(Job))] == [
        ("authorize_payment", number)
    ]


def test_an_order_empties_the_cart(session: Session, cart: Cart, outside: Gateways) -> None:
    place_order(session, outside, cart.token, form_for(cart), START)

    assert count(session, CartLine) == 0


def test_the_same_form_sent_again_is_the_same_order(
    session: Session, cart: Cart, outside: Gateways
) -> None:
    form, token = form_for(cart), cart.token
    first = place_order(session, outside, token, form, START)

    again = place_order(session, outside, token, form, START)

    assert (again, count(session, Order)) == (first, 1)


class LateProvider(FakePaymentProvider):
    """A provider that goes away for whoever asks second, while the first gets an order."""

    def __init__(self, place_first: Callable[[], str]) -> None:
        super().__init__()
        self.place_first = place_first

    def tokenize(self, card_number: str) -> Card:
        self.number = self.place_first()
        raise GatewayUnavailable("The payment provider", "it has just gone away")


def test_the_same_form_sent_again_is_the_same_order_though_the_provider_has_gone_away(
    session: Session, cart: Cart, outside: Gateways
) -> None:
    token, form, bind = cart.token, form_for(cart), session.get_bind()

    def place_first() -> str:
        with Session(bind) as other:
            return place_order(other, outside, token, form, START)

    provider = LateProvider(place_first)
    again = place_order(session, replace(outside, payments=provider), token, form, START)

    assert (again, count(session, Order)) == (provider.number, 1)


def test_a_shortage_is_refused_with_what_is_left_and_changes_nothing(
    session: Session, cart: Cart, outside: Gateways
) -> None:
    stock = session.scalars(select(StockItem)).one()
    stock.on_hand = 1
    session.commit()

    with pytest.raises(OutOfStock, match=r"Only 1 of Thing \d+ left\."):
        place_order(session, outside, cart.token, form_for(cart), START)

    assert (count(session, Order), count(session, Job), count(session, CartLine)) == (0, 0, 1)


def test_a_total_that_the_shopper_did_not_see_is_refused(
    session: Session, cart: Cart, outside: Gateways
) -> None:
    session.scalars(select(Product)).one().price_amount = 2999
    session.commit()

    with pytest.raises(TotalChanged, match=r"now £76\.72, not £52\.72"):
        place_order(session, outside, cart.token, form_for(cart), START)


def test_a_form_of_no_cart_is_refused(session: Session, cart: Cart, outside: Gateways) -> None:
    with pytest.raises(CheckoutExpired):
        place_order(session, outside, cart.token, form_for(cart, token="made up"), START)
