from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from scenarios.kit.interleaving import interleave
from scenarios.kit.work import run_due_jobs
from shop.db import transaction
from shop.domain.money import Money
from shop.errors import (
    ChangedMeanwhile,
    EmailTaken,
    LinkExpired,
    NotFound,
    Refusal,
    SignInRefused,
    StockTooLow,
)
from shop.gateways.fakes import FakePaymentProvider
from shop.models import (
    Cart,
    CartLine,
    Customer,
    Job,
    Order,
    Product,
    Refund,
    SignIn,
    StockItem,
    StockMovement,
)
from shop.services.accounts import (
    change_password,
    hash_token,
    make_api_token,
    register,
    request_password_reset,
    reset_password,
    sign_in,
)
from shop.services.cart import add_to_cart, join_cart
from shop.services.fulfillment import pack_order, ship_order
from shop.services.jobs import enqueue, retry_set_aside
from shop.services.payments import apply_payment_event, authorize_payment
from shop.services.products import ProductEdit, edit_product
from shop.services.refunds import cancel_order, refund_order, refund_units
from shop.services.stock import adjust_stock, allocate_stock
from shop.worker.loop import Worker
from tests.factories import (
    PASSWORD,
    CartFactory,
    CartLineFactory,
    CustomerFactory,
    OrderFactory,
    ProductFactory,
)
from tests.shop.order_books import find_faults

SKU = "TST-SAW"
TOTAL = 4074
Act = Callable[[Session], Any]


@pytest.fixture
def number(session: Session) -> str:
    """The number of an order of three saws, just placed."""
    product = ProductFactory.create(sku=SKU, price_amount=1000, allocated=3)
    return str(OrderFactory.create(product=product, quantity=3).number)


@pytest.fixture
def paid(session: Session, worker: Worker, number: str) -> str:
    """The number of that order, paid."""
    with transaction(session):
        enqueue(session, "authorize_payment", START, number=number)
    run_due_jobs(worker)
    return number


@pytest.fixture
def packed(session: Session, paid: str) -> str:
    """The number of that order, paid and packed."""
    pack_order(session, paid, START)
    return paid


@pytest.fixture
def at_once(app: Flask) -> "AtOnce":
    """Let A act, and B just before A's first write, each with a session of its own.

    What either returns or is refused with comes back.
    """

    def act(first: Act, second: Act) -> tuple[object, object]:
        def run(act: Act) -> object:
            with app.extensions["sessions"]() as own:
                return act(own)

        race = interleave(lambda: run(first), lambda: run(second))
        return race.a.refusal or race.a.result, race.b.refusal or race.b.result

    return act


AtOnce = Callable[[Act, Act], tuple[object, object]]


def on(service: Callable[..., Any], *arguments: Any) -> Act:
    """Return what calls a service with a session, arguments and the time."""
    return lambda session: service(session, *arguments, START)


def at(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def refused(outcome: object) -> bool:
    return isinstance(outcome, Refusal)


def count(session: Session, table: type) -> int:
    session.rollback()
    return session.scalar(select(func.count()).select_from(table)) or 0


ACTS = {"cancel": cancel_order, "ship": ship_order, "pack": pack_order, "refund": refund_order}


@pytest.mark.parametrize(
    ("first", "second"),
    [("cancel", "ship"), ("ship", "cancel"), ("cancel", "cancel"), ("ship", "ship")],
)
def test_of_two_who_act_on_a_packed_order_at_once_one_is_told_no(
    session: Session, at_once: AtOnce, worker: Worker, packed: str, first: str, second: str
) -> None:
    mine, theirs = at_once(on(ACTS[first], packed), on(ACTS[second], packed))
    run_due_jobs(worker)

    assert isinstance(mine, ChangedMeanwhile)
    assert (refused(theirs), find_faults(session, 10)) == (False, [])
    ends = {"cancel": "unfulfilled packed", "ship": "delivered"}
    assert session.scalars(select(Order.fulfillment_status)).one() in ends[second]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("cancel", "pack"),
        ("pack", "cancel"),
        ("refund", "pack"),
        ("pack", "refund"),
        ("cancel", "refund"),
        ("refund", "cancel"),
        ("refund", "refund"),
    ],
)
def test_of_two_who_act_on_a_paid_order_at_once_one_is_told_no(
    session: Session, at_once: AtOnce, worker: Worker, paid: str, first: str, second: str
) -> None:
    mine, theirs = at_once(on(ACTS[first], paid), on(ACTS[second], paid))
    run_due_jobs(worker)

    assert isinstance(mine, ChangedMeanwhile)
    assert (refused(theirs), find_faults(session, 10)) == (False, [])
    assert count(session, Refund) == (second != "pack")


def test_news_of_the_money_while_the_customer_cancels_is_told_and_the_second_try_refunds_it(
    session: Session, at_once: AtOnce, worker: Worker, provider: FakePaymentProvider, number: str
) -> None:
    authorize_payment(session, provider, number, START)
    payment = provider.capture(f"pay_{number}", f"{number}:capture:1")

    mine, _ = at_once(on(cancel_order, number), on(apply_payment_event, "evt_1", payment))
    cancel_order(session, number, START)
    run_due_jobs(worker)

    row = session.execute(select(Order.status, Order.payment_status)).one()
    assert (isinstance(mine, ChangedMeanwhile), tuple(row)) == (True, ("canceled", "refunded"))
    assert (provider.refunds, find_faults(session, 10)) == (
        {f"{number}:refund:1": Money(TOTAL)},
        [],
    )


def test_a_cancellation_while_the_news_of_the_payment_comes_in_is_not_lost(
    session: Session, at_once: AtOnce, worker: Worker, provider: FakePaymentProvider, number: str
) -> None:
    authorize_payment(session, provider, number, START)
    payment = provider.capture(f"pay_{number}", f"{number}:capture:1")

    at_once(on(apply_payment_event, "evt_1", payment), on(cancel_order, number))
    run_due_jobs(worker)

    row = session.execute(select(Order.status, Order.payment_status)).one()
    assert (tuple(row), find_faults(session, 10)) == (("canceled", "refunded"), [])


@pytest.mark.parametrize(("first", "second"), [(2, 2), (1, 3), (3, 1), (1, 1)])
def test_the_same_units_are_refunded_once(
    session: Session, at_once: AtOnce, worker: Worker, packed: str, first: int, second: int
) -> None:
    ship_order(session, packed, START)
    run_due_jobs(worker)

    mine, theirs = at_once(
        on(refund_units, packed, SKU, first), on(refund_units, packed, SKU, second)
    )
    run_due_jobs(worker)

    assert (refused(mine), refused(theirs), find_faults(session, 10)) == (True, False, [])
    assert session.scalars(select(StockItem.on_hand)).one() == 7 + second


def test_two_registrations_with_one_email_are_one_account(
    session: Session, at_once: AtOnce
) -> None:
    def open_account(email: str) -> Act:
        return on(register, email, "Mira", PASSWORD)

    mine, theirs = at_once(open_account("mira@example.com"), open_account("MIRA@Example.com"))

    assert (isinstance(mine, EmailTaken), theirs) == (True, None)
    assert (count(session, Customer), count(session, Cart)) == (1, 1)
    assert sign_in(session, "Mira@example.com", PASSWORD, START)


def edit(session: Session, name: str) -> Act:
    return lambda own: edit_product(
        own, SKU, 1, ProductEdit(name=name, summary="", description="", price_amount=100)
    )


def test_of_two_edits_of_one_product_the_second_is_told(
    session: Session, at_once: AtOnce, number: str
) -> None:
    mine, theirs = at_once(edit(session, "Mine"), edit(session, "Theirs"))

    session.rollback()
    product = session.scalars(select(Product)).one()
    assert (isinstance(mine, ChangedMeanwhile), theirs) == (True, None)
    assert (product.name, product.search_name, product.version) == ("Theirs", "theirs", 2)


@pytest.fixture
def carts(session: Session) -> tuple[int, str]:
    """A customer's id and the token of an anonymous cart; each cart holds two saws."""
    product = ProductFactory.create(sku=SKU)
    customer = CustomerFactory.create()
    own, other = CartFactory.create(customer_id=customer.id), CartFactory.create()
    for cart in (own, other):
        CartLineFactory.create(cart_id=cart.id, product=product, quantity=2)
    return customer.id, other.token


def quantities(session: Session) -> list[int]:
    session.rollback()
    return list(session.scalars(select(CartLine.quantity)))


def test_a_cart_that_is_joined_twice_at_once_arrives_once(
    session: Session, at_once: AtOnce, carts: tuple[int, str]
) -> None:
    def join(own: Session) -> str:
        return join_cart(own, *carts)

    mine, theirs = at_once(join, join)

    assert (refused(mine), mine == theirs, quantities(session)) == (False, True, [4])


def test_what_is_added_while_the_cart_is_joined_is_not_lost(
    session: Session, at_once: AtOnce, carts: tuple[int, str]
) -> None:
    at_once(lambda own: join_cart(own, *carts), lambda own: add_to_cart(own, carts[1], SKU, 3))

    assert quantities(session) == [7]


def test_a_joined_cart_holds_no_more_than_a_cart_may(
    session: Session, carts: tuple[int, str]
) -> None:
    session.scalars(select(CartLine)).all()[1].quantity = 98
    session.commit()

    join_cart(session, *carts)

    assert quantities(session) == [99]


def test_stock_is_not_adjusted_away_under_an_order(session: Session, at_once: AtOnce) -> None:
    product = ProductFactory.create(sku=SKU, on_hand=3)
    cart_line = CartLineFactory.build(product=product, quantity=3, product_id=product.id)
    line = cart_line.priced_at(START)
    session.rollback()

    def allocate(own: Session) -> None:
        with transaction(own):
            allocate_stock(own, [line])

    mine, _ = at_once(on(adjust_stock, SKU, -1, "damaged", ""), allocate)

    item = session.scalars(select(StockItem)).one()
    assert (isinstance(mine, StockTooLow), item.on_hand, item.allocated) == (True, 3, 3)
    assert count(session, StockMovement) == 0


@pytest.mark.parametrize(("left", "second_fits"), [(3, False), (4, True)])
def test_two_adjustments_at_once_take_no_more_than_there_is(
    session: Session, at_once: AtOnce, left: int, second_fits: bool
) -> None:
    ProductFactory.create(sku=SKU, on_hand=left)
    take = on(adjust_stock, SKU, -2, "damaged", "")

    mine, theirs = at_once(take, take)

    assert (refused(mine), theirs) == (not second_fits, None)
    moved = sum(session.scalars(select(StockMovement.delta)))
    assert session.scalars(select(StockItem.on_hand)).one() == left + moved >= 0


def test_a_link_sets_a_password_once(session: Session, at_once: AtOnce) -> None:
    customer = CustomerFactory.create(reset_hash=hash_token("link"), reset_ends_at=at(3600))

    mine, theirs = at_once(
        on(reset_password, "link", "mine is longer"), on(reset_password, "link", "theirs is longer")
    )

    assert (isinstance(mine, LinkExpired), theirs) == (True, None)
    assert sign_in(session, customer.email, "theirs is longer", START)


def test_two_requests_for_a_link_in_one_minute_are_one_mail(
    session: Session, at_once: AtOnce
) -> None:
    email = CustomerFactory.create().email
    ask = on(request_password_reset, email)

    at_once(ask, ask)

    assert count(session, Job) == 1


def test_a_job_that_was_set_aside_is_opened_again_once(session: Session, at_once: AtOnce) -> None:
    with transaction(session):
        enqueue(session, "book_parcel", START, number="BB-00001-TESTS")
    job = session.scalars(select(Job)).one()
    job.set_aside_at = START
    session.commit()
    retry = on(retry_set_aside, job.id)

    mine, theirs = at_once(retry, retry)

    assert (isinstance(mine, NotFound), theirs) == (True, None)


def test_a_password_that_is_reset_ends_the_sign_ins_of_that_moment(session: Session) -> None:
    customer = CustomerFactory.create(reset_hash=hash_token("link"), reset_ends_at=at(3600))
    sign_in(session, customer.email, PASSWORD, START)
    make_api_token(session, customer.id)

    reset_password(session, "link", "a longer password", START)

    assert count(session, SignIn) == 0
    assert session.scalars(select(Customer.api_token_hash)).one() is None


def test_the_cart_of_another_customer_stays_where_it_is(
    session: Session, carts: tuple[int, str]
) -> None:
    theirs = CartFactory.create(customer_id=CustomerFactory.create().id)
    CartLineFactory.create(cart_id=theirs.id, quantity=5)

    join_cart(session, carts[0], theirs.token)

    assert sorted(quantities(session)) == [2, 2, 5]


def test_a_sign_in_with_the_old_password_while_it_is_reset_lets_nobody_in(
    session: Session, at_once: AtOnce
) -> None:
    customer = CustomerFactory.create(reset_hash=hash_token("link"), reset_ends_at=at(3600))

    mine, theirs = at_once(
        on(sign_in, customer.email, PASSWORD), on(reset_password, "link", "a longer password")
    )

    assert (isinstance(mine, SignInRefused), theirs) == (True, None)
    assert count(session, SignIn) == 0


def test_of_two_who_change_a_password_at_once_the_second_is_told(
    session: Session, at_once: AtOnce
) -> None:
    customer = CustomerFactory.create()

    def change(new: str) -> Act:
        return lambda own: change_password(own, customer.id, PASSWORD, new, "a token")

    mine, theirs = at_once(change("mine is longer"), change("theirs is longer"))

    assert (isinstance(mine, SignInRefused), theirs) == (True, None)
    assert sign_in(session, customer.email, "theirs is longer", START)


def test_a_cart_is_joined_in_the_order_of_its_products_so_that_no_two_wait_for_each_other(
    app: Flask, session: Session, carts: tuple[int, str]
) -> None:
    other = session.scalars(select(Cart.id).where(Cart.token == carts[1])).one()
    later, last = ProductFactory.create(), ProductFactory.create()
    for product in (last, later):
        CartLineFactory.create(cart_id=other, product=product)
    session.rollback()
    joined: list[object] = []

    def listen(_connection: object, _cursor: object, sql: str, values: Any, *_: object) -> None:
        if sql.startswith("INSERT INTO cart_line"):
            joined.append(values["product_id"] if isinstance(values, dict) else values[1])

    event.listen(app.extensions["sessions"].kw["bind"], "before_cursor_execute", listen)
    join_cart(session, *carts)

    assert joined == sorted(session.scalars(select(Product.id)))
