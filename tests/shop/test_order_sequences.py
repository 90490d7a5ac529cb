import random
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from itertools import count, product

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.clock import START, FixedClock
from scenarios.kit.interleaving import interleave
from scenarios.kit.statements import is_write
from shop.db import transaction
from shop.domain.provider_payment import ProviderPayment
from shop.errors import Refusal
from shop.gateways.fakes import APPROVED, DECLINED, FakeCarrier, FakePaymentProvider
from shop.models import Job, Order, Product
from shop.services.allowances import use_allowance
from shop.services.fulfillment import book_parcel, pack_order, ship_order, track_parcel
from shop.services.jobs import enqueue
from shop.services.payments import apply_payment_event
from shop.services.refunds import cancel_order, refund_order, refund_units
from shop.worker.loop import Worker
from tests.factories import CouponFactory, GiftCardFactory, OrderFactory, ProductFactory
from tests.shop.order_books import find_faults

SKU, UNITS, ORDERS, STEPS = "TST-SAW", 3, 4, 60
NEWS = ("authorized", "captured", "captured", "declined", "failed", "voided", "refunded")
VERBS = (cancel_order, *(pack_order,) * 3, *(ship_order,) * 3, refund_order)
Step = Callable[[], object]
CARDS = count()

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Steps:
    """Everything that can happen to some orders, drawn with dice that fall the same on each run."""

    def __init__(self, app: Flask, worker: Worker, clock: FixedClock, dice: random.Random):
        self.sessions = app.extensions["sessions"]
        self.worker, self.clock, self.dice = worker, clock, dice
        self.numbers: list[str] = []
        self.event_ids = count()

    def take_one(self) -> str:
        """Let one thing happen, and return what it was."""
        kinds = [self.act, self.act, self.refund_some, self.hear, self.work, self.work, self.work]
        said, step = self.dice.choice(kinds)()
        try:
            step()
        except Refusal as refusal:
            return f"{said}: {type(refusal).__name__}"
        return said

    def act(self) -> tuple[str, Step]:
        verb, number = self.dice.choice(VERBS), self.dice.choice(self.numbers)
        return f"{verb.__name__} {number}", lambda: self.call(verb, number, START)

    def refund_some(self) -> tuple[str, Step]:
        number, quantity = self.dice.choice(self.numbers), self.dice.randint(1, UNITS)
        return f"refund {quantity} of {number}", lambda: self.call(
            refund_units, number, SKU, quantity, START
        )

    def hear(self) -> tuple[str, Step]:
        number, status = self.dice.choice(self.numbers), self.dice.choice(NEWS)
        with self.sessions() as session:
            order = session.scalars(select(Order).where(Order.number == number)).one()
            charge = order.totals.charge
        news = ProviderPayment(f"pay_{number}", number, status, charge)
        # Half of the events are older ones that come once more, whatever they now say.
        nth = next(self.event_ids)
        event_id = f"evt_{self.dice.choice([nth, self.dice.randint(0, nth)])}"
        return f"{event_id} says {number} is {status}", lambda: self.call(
            apply_payment_event, event_id, news, START
        )

    def work(self) -> tuple[str, Step]:
        self.clock.advance(self.dice.choice([0, 0, 60]))
        return "work", self.worker.run_one

    def call(self, service: Callable[..., object], *arguments: object) -> None:
        with self.sessions() as session:
            service(session, *arguments)


def place_orders(session: Session, steps: Steps) -> None:
    """Place orders of one product, of which one is paid with a card that is declined.

    All but one have a coupon, and a gift card pays for some of each.
    """
    saw = ProductFactory.create(
        sku=SKU, price_amount=999, on_hand=UNITS * ORDERS + 1, allocated=UNITS * ORDERS
    )
    CouponFactory.create(used=ORDERS - 1, most_per_buyer=ORDERS)
    spent = {0: 500, 1: 0, 2: 2900, 3: 1500}
    GiftCardFactory.create(amount=9000, balance=9000 - sum(spent.values()))
    for nth in range(ORDERS):
        coupon = {"coupon_code": "TENTH", "discount_amount": 300} if nth else {}
        gift_card = {"gift_card_code": "GIFT0000GIFT0000", "gift_card_amount": spent[nth]}
        order = OrderFactory.create(product=saw, quantity=UNITS, **coupon, **gift_card)
        if nth:
            with transaction(session):
                use_allowance(session, "coupon:TENTH", order.folded_email, 0, 1, ORDERS)
        order.payment.card_token = f"tok_{DECLINED if nth == 0 else APPROVED}"
        with transaction(session):
            enqueue(session, "authorize_payment", START, number=order.number)
        steps.numbers.append(order.number)


def find_money_faults(session: Session, provider: FakePaymentProvider) -> list[str]:
    """Return a sentence for every order whose money or parcel went too far."""
    faults = []
    for order in session.scalars(select(Order)):
        keys = [key for key in provider.refunds if key.startswith(f"{order.number}:")]
        given_back = sum(provider.refunds[key].amount for key in keys)
        owed = sum(refund.amount for refund in order.refunds)
        if given_back > owed:
            faults.append(f"{given_back} given back of {owed}")
        if order.shipment and order.status == "canceled":
            faults.append(f"{order.number} is canceled and has a parcel")
    return faults


@on_sqlite
@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_in_whatever_order_stock_money_and_history_stay_right(
    app: Flask,
    session: Session,
    worker: Worker,
    clock: FixedClock,
    provider: FakePaymentProvider,
    seed: int,
) -> None:
    steps = Steps(app, worker, clock, random.Random(seed))
    place_orders(session, steps)
    trail: list[str] = []

    for _ in range(STEPS):
        trail.append(steps.take_one())
        faults = find_faults(session, UNITS * ORDERS + 1) + find_money_faults(session, provider)
        assert faults == [], trail

    assert sum(":" not in said for said in trail) > STEPS / 3
    assert (
        session.scalars(select(Job).where(Job.last_error.not_like("GatewayRefused%"))).all() == []
    )


def some_units(session: Session, number: str, now: datetime) -> None:
    refund_units(session, number, SKU, 2, now)


PAID, PACKED, DELIVERED = "unfulfilled", "packed", "delivered"
ACTS = (cancel_order, pack_order, ship_order, refund_order, some_units)


@on_sqlite
@pytest.mark.parametrize(
    ("fulfillment", "first"),
    [
        *((PAID, act) for act in (cancel_order, pack_order, refund_order, some_units)),
        *((PACKED, act) for act in (cancel_order, ship_order)),
        *((DELIVERED, act) for act in (refund_order, some_units)),
    ],
)
def test_before_whichever_statement_a_second_act_comes_the_books_stay_right(
    app: Flask, session: Session, fulfillment: str, first: Callable[..., None]
) -> None:
    sessions = app.extensions["sessions"]
    saw = ProductFactory.create(sku=SKU, price_amount=999, on_hand=100)
    outcomes = []

    def act(verb: Callable[..., None], number: str) -> None:
        with sessions() as own:
            verb(own, number, START)

    for second, nth in product(ACTS, range(1, 5)):
        number = sell(session, saw, fulfillment)
        nth_or_write = partial(is_nth_or_write, count(1), nth)
        race = interleave(
            partial(act, first, number), partial(act, second, number), before=nth_or_write
        )
        outcomes.append((not race.a.is_refused, not race.b.is_refused))

    assert find_faults(session, 100) == []
    # Each of the two gets what it wants, where the other does not want the same.
    assert {any(each) for each in zip(*outcomes, strict=True)} == {True}


def is_nth_or_write(statements: Iterator[int], nth: int, sql: str) -> bool:
    return next(statements) == nth or is_write(sql)


def sell(session: Session, product: Product, fulfillment: str) -> str:
    """Sell three units and bring the order as far as it has come, and return its number."""
    product.stock.allocated += UNITS
    card = GiftCardFactory.create(code=f"GIFT{next(CARDS)}", amount=2900, balance=0)
    by_gift_card = {"gift_card_code": card.code, "gift_card_amount": card.amount}
    order = OrderFactory.create(product=product, quantity=UNITS, **by_gift_card)
    number, carrier = str(order.number), FakeCarrier()
    paid = ProviderPayment(f"pay_{number}", number, "captured", order.totals.charge)
    apply_payment_event(session, f"evt_{number}", paid, START)
    if fulfillment != PAID:
        pack_order(session, number, START)
    if fulfillment == DELIVERED:
        ship_order(session, number, START)
        book_parcel(session, carrier, number, START)
        track_parcel(session, carrier, number, START)
    session.rollback()
    return number
