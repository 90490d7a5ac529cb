from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from scenarios.kit.clock import START
from scenarios.kit.interleaving import interleave
from scenarios.kit.statements import touches
from shop.db import transaction
from shop.domain.money import Money
from shop.domain.order_status import PaymentStatus
from shop.domain.provider_payment import ProviderPayment
from shop.gateways.fakes import APPROVED, make_fakes
from shop.models import Cart, CartLine, HistoryEntry, Order, OrderLine, Product, StockItem
from shop.services.cart import add_to_cart
from shop.services.checkout import CheckoutForm, Delivery, place_order
from shop.services.jobs import Claim, claim_job, enqueue
from shop.services.orders import move_order
from shop.services.payments import apply_payment_event
from shop.services.stock import adjust_stock
from tests.factories import (
    CartFactory,
    CartLineFactory,
    CountryFactory,
    OrderFactory,
    ProductFactory,
    ShippingRateFactory,
)

DELIVERY = Delivery("ada@example.com", "Ada", "12 Main St", "London", "SW1", "GB", "standard")


@pytest.fixture
def product(session: Session) -> Product:
    """A product of which one is left, in a store that ships to one country."""
    CountryFactory.create()
    ShippingRateFactory.create()
    product: Product = ProductFactory.create(name="Lamp", on_hand=1)
    return product


def shopper(sessions: sessionmaker[Session], product: Product) -> Callable[[], str]:
    """Fill a cart with one unit and return what places its order, with a session of its own."""
    cart = CartFactory.create()
    CartLineFactory.create(cart_id=cart.id, product=product)
    form = CheckoutForm(DELIVERY, APPROVED, cart.checkout_token, Money(2873))
    token = cart.token

    def place() -> str:
        with sessions() as session:
            return place_order(session, make_fakes(), token, form, START)

    return place


def count_orders(session: Session) -> int:
    session.rollback()
    return session.scalar(select(func.count()).select_from(Order)) or 0


def available(session: Session) -> int | None:
    session.rollback()
    return session.scalar(select(StockItem.on_hand - StockItem.allocated))


def test_the_last_unit_can_be_bought(app: Flask, session: Session, product: Product) -> None:
    place = shopper(app.extensions["sessions"], product)

    place()

    assert (count_orders(session), available(session)) == (1, 0)


def test_of_two_shoppers_at_once_one_gets_the_last_unit(
    app: Flask, session: Session, product: Product
) -> None:
    first, second = (shopper(app.extensions["sessions"], product) for _ in range(2))

    race = interleave(first, second)

    assert race.a.is_refused
    assert (race.b.is_refused, count_orders(session), available(session)) == (False, 1, 0)


def test_an_order_does_not_get_what_was_just_adjusted_away(
    app: Flask, session: Session, product: Product
) -> None:
    sessions, sku = app.extensions["sessions"], product.sku
    place = shopper(sessions, product)

    def adjust() -> None:
        with sessions() as own:
            adjust_stock(own, sku, -1, "damaged", "", START)

    race = interleave(place, adjust)

    assert (race.a.is_refused, race.b.is_refused) == (True, False)
    assert (count_orders(session), available(session)) == (0, 0)


def test_the_same_form_sent_twice_at_once_is_one_order(
    app: Flask, session: Session, product: Product
) -> None:
    place = shopper(app.extensions["sessions"], product)

    race = interleave(place, place)

    assert race.a.result is not None
    assert race.a == race.b
    assert (count_orders(session), available(session)) == (1, 0)


def test_the_same_form_sent_again_between_two_reads_of_the_cart_is_one_order(
    app: Flask, session: Session, product: Product
) -> None:
    press = shopper(app.extensions["sessions"], product)

    race = interleave(press, press, before=touches("cart_line"))

    assert race.a.result is not None
    assert (race.a == race.b, count_orders(session)) == (True, 1)


@pytest.mark.parametrize("adds_the_same", [False, True])
def test_what_is_added_while_checking_out_stays_in_the_cart(
    app: Flask, session: Session, product: Product, adds_the_same: bool
) -> None:
    product.stock.on_hand = 10
    sku = product.sku if adds_the_same else ProductFactory.create().sku
    session.commit()
    sessions = app.extensions["sessions"]
    place = shopper(sessions, product)
    token = session.scalars(select(Cart.token)).one()

    def add() -> None:
        with sessions() as own:
            add_to_cart(own, token, sku, 2)

    race = interleave(place, add)

    assert not race.b.is_refused
    session.rollback()
    assert session.scalars(select(CartLine.quantity)).all() == [2]
    assert session.execute(
        select(Order.goods_amount, OrderLine.quantity).join(Order.lines)
    ).all() == [(1999, 1)]


def test_of_two_workers_one_gets_the_job(app: Flask, session: Session) -> None:
    with transaction(session):
        enqueue(session, "book_parcel", START, number="BB-00001-TESTS")

    def claim() -> Claim | None:
        with app.extensions["sessions"]() as own:
            return claim_job(own, timedelta(seconds=60), START)

    race = interleave(claim, claim)

    assert race.a.result is None
    assert race.b.result is not None
    assert race.b.result.attempt == 1


def test_a_webhook_twice_at_once_is_news_once(app: Flask, session: Session) -> None:
    order = OrderFactory.create()
    news = ProviderPayment("pay_1", order.number, "captured", Money(order.total_amount))

    def apply() -> bool:
        with app.extensions["sessions"]() as own:
            return apply_payment_event(own, "evt_1", news, START)

    race = interleave(apply, apply)

    assert (race.a.result, race.b.result) == (False, True)


def test_two_pieces_of_news_at_once_move_the_order_once(app: Flask, session: Session) -> None:
    order_id = OrderFactory.create().id

    def move() -> bool:
        with app.extensions["sessions"]() as own, transaction(own):
            return move_order(own, order_id, PaymentStatus.PAID, START)

    race = interleave(move, move)

    session.rollback()
    assert (race.a.result, race.b.result) == (False, True)
    assert len(session.scalars(select(HistoryEntry)).all()) == 1
