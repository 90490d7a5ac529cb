"""What two shoppers may count on who want the same thing at the same time."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from scenarios.kit.actors import Shopper
from scenarios.kit.interleaving import interleave
from scenarios.kit.pages import tell
from scenarios.kit.rows import add_customer, add_delivery, add_order, add_product
from scenarios.kit.statements import Predicate, is_write, writes
from shop.models import Order, OrderLine, Product, StockItem

Act = Callable[[], TestResponse]
PLACED = 303
EARLIER_ORDER = "BB-EAR11-ERD3R"
# A fix may move statements, so the other shopper comes at either of two moments.
MOMENTS = pytest.mark.parametrize("moment", [is_write, writes("stock_item")], ids=["one", "other"])


@pytest.fixture
def store(session: Session) -> Session:
    """A store that delivers, with a customer and somebody of the staff."""
    add_delivery(session)
    add_customer(session)
    add_customer(session, "jonas@brindle.example", is_staff=True)
    return session


def at_checkout(app: Flask, *slugs: str) -> tuple[Shopper, Act]:
    """Bring a shopper with one of each to the checkout; return what sends the form."""
    shopper = Shopper(app)
    for slug in slugs:
        shopper.add(slug)
    form = shopper.fill_in()
    return shopper, lambda: shopper.send(form)


def at_once(a: Act, b: Act, moment: Predicate = is_write) -> list[TestResponse]:
    """Let both act, B at a moment of A, and return what each was answered."""
    race = interleave(a, b, moment, or_after=True, may_wait=True)
    return [ending.result for ending in (race.a, race.b) if ending.result]


def stock_of(session: Session, sku: str = "LMP-001") -> tuple[int, int]:
    """Return what is on hand of a product, and what is allocated."""
    session.rollback()
    row = select(StockItem.on_hand, StockItem.allocated).join(Product).where(Product.sku == sku)
    on_hand, allocated = session.execute(row).one()
    return on_hand, allocated


def units_ordered(session: Session, sku: str = "LMP-001") -> int:
    """Return how many units of a product stand on orders that are not canceled."""
    session.rollback()
    units = select(func.sum(OrderLine.quantity)).join(Order, Order.id == OrderLine.order_id)
    return session.scalar(units.where(OrderLine.sku == sku, Order.status != "canceled")) or 0


def is_kindly_refused(answer: TestResponse) -> bool:
    return 400 <= answer.status_code < 500 or answer.status_code == 503


def statuses(*answers: TestResponse) -> list[int]:
    return [answer.status_code for answer in answers]


def told(*answers: TestResponse) -> str:
    return " and ".join(map(tell, answers))


def counted(session: Session, sku: str = "LMP-001") -> str:
    on_hand, allocated = stock_of(session, sku)
    ordered = units_ordered(session, sku)
    return f"{ordered} of {sku} on open orders; {on_hand} on hand, {allocated} allocated"


def test_the_last_lamp_can_be_bought(app: Flask, store: Session) -> None:
    add_product(store, on_hand=1)
    _, order = at_checkout(app, "lmp-001")

    answer = order()

    assert (answer.status_code, units_ordered(store), stock_of(store)) == (PLACED, 1, (1, 1)), (
        "Expected: one shopper alone buys the last lamp: it is on one order, and allocated.\n"
        f"Seen: {told(answer)}; {counted(store)}.\n"
        "Look at: the answer to POST /checkout, and the tables stock_item and order_line."
    )


def test_whoever_comes_after_it_is_told_so(app: Flask, other_app: Flask, store: Session) -> None:
    add_product(store, on_hand=1)
    (_, order), (_, order_later) = [at_checkout(each, "lmp-001") for each in (app, other_app)]
    order()

    answer = order_later()

    assert (is_kindly_refused(answer), units_ordered(store)) == (True, 1), (
        "Expected: the last lamp is ordered, and the next shopper is refused with a sentence.\n"
        f"Seen: the next shopper got {told(answer)}; {counted(store)}.\n"
        "Look at: the answer to POST /checkout, and the store's log."
    )


@MOMENTS
def test_two_want_the_last_lamp(
    app: Flask, other_app: Flask, store: Session, moment: Predicate
) -> None:
    add_product(store, on_hand=1)
    (_, order), (_, order_too) = [at_checkout(each, "lmp-001") for each in (app, other_app)]

    answers = at_once(order, order_too, moment)

    assert (units_ordered(store), stock_of(store)) == (1, (1, 1)), (
        "Expected: the last lamp is on one order; the books say 1 on hand, 1 allocated.\n"
        f"Seen: the two shoppers got {told(*answers)}; {counted(store)}.\n"
        "Look at: the tables order_line and stock_item, and the statements of both requests."
    )
    assert [is_kindly_refused(answer) for answer in answers].count(True) == 1, (
        "Expected: one shopper gets the lamp, the other a sentence that refuses (status 4xx).\n"
        f"Seen: the two shoppers got {told(*answers)}.\n"
        "Look at: the answers to POST /checkout, and the store's log."
    )


@MOMENTS
def test_two_want_one_lamp_each_of_ten(
    app: Flask, other_app: Flask, store: Session, moment: Predicate
) -> None:
    add_product(store, on_hand=10)
    (first, order), (second, order_too) = [at_checkout(x, "lmp-001") for x in (app, other_app)]

    answers = at_once(order, order_too, moment)

    # Whoever was asked to order again, since somebody else was faster, does so.
    shoppers = zip(answers, (first, second), strict=True)
    answers = [x.send(x.fill_in()) if is_kindly_refused(said) else said for said, x in shoppers]
    found = statuses(*answers), units_ordered(store), stock_of(store)
    assert found == ([PLACED, PLACED], 2, (10, 2)), (
        "Expected: of ten lamps both get one, at the second try at the latest; 2 allocated.\n"
        f"Seen: the two shoppers got {told(*answers)}; {counted(store)}.\n"
        "Look at: the table stock_item before and after, and the statements of both requests."
    )


def test_a_refused_basket_leaves_nothing_behind(
    app: Flask, other_app: Flask, store: Session
) -> None:
    add_product(store, on_hand=1)
    add_product(store, "ALB-001", on_hand=10)
    first, order = at_checkout(app, "lmp-001", "alb-001")
    _, order_too = at_checkout(other_app, "lmp-001")

    answers = at_once(order, order_too)

    is_refused = is_kindly_refused(answers[0])
    promised = stock_of(store, "ALB-001")[1], units_ordered(store, "ALB-001")
    assert promised == ((0, 0) if is_refused else (1, 1)), (
        "Expected: of an order that is refused for one thing, nothing else stays allocated.\n"
        f"Seen: the two shoppers got {told(*answers)}; {counted(store, 'ALB-001')}.\n"
        "Look at: the tables stock_item and order_line."
    )
    is_in_cart = "ALB-001" in first.look("/cart")
    assert is_in_cart == is_refused, (
        "Expected: whoever is refused keeps the cart, and whoever has ordered has an empty one.\n"
        f"Seen: the shopper got {told(answers[0])}; the goods are in the cart: {is_in_cart}.\n"
        "Look at: the page /cart of the shopper who was refused."
    )


@MOMENTS
def test_somebody_orders_while_staff_cancel(
    app: Flask, other_app: Flask, store: Session, moment: Predicate
) -> None:
    add_product(store, on_hand=10)
    add_order(store, EARLIER_ORDER, {"LMP-001": 3})
    shopper, order = at_checkout(app, "lmp-001")
    staff = Shopper(other_app)
    staff.sign_in("jonas@brindle.example")

    answers = at_once(
        order, lambda: staff.ask("POST", f"/staff/orders/{EARLIER_ORDER}/cancel"), moment
    )

    if is_kindly_refused(answers[0]):
        answers[0] = shopper.send(shopper.fill_in())
    found = statuses(*answers), units_ordered(store), stock_of(store)
    assert found == ([PLACED, PLACED], 1, (10, 1)), (
        "Expected: the order of three is canceled and one lamp is sold: 1 of 10 is allocated.\n"
        f"Seen: shopper and staff got {told(*answers)}; {counted(store)}.\n"
        "Look at: the table stock_item, and the statements of both requests."
    )


def test_a_canceled_lamp_can_be_bought_again(app: Flask, store: Session) -> None:
    add_product(store, on_hand=1)
    (_, order), staff = at_checkout(app, "lmp-001"), Shopper(app)
    staff.sign_in("jonas@brindle.example")
    placed = order()
    assert placed.status_code == PLACED, (
        "Expected: one shopper alone buys the last lamp.\n"
        f"Seen: the shopper got {told(placed)}.\n"
        "Look at: the answer to POST /checkout, and the store's log."
    )

    canceled = staff.ask("POST", f"/staff{placed.location}/cancel")

    assert (canceled.status_code, units_ordered(store), stock_of(store)) == (PLACED, 0, (1, 0)), (
        "Expected: a canceled order gives its lamp back: 1 on hand, 0 allocated.\n"
        f"Seen: the cancellation got {told(canceled)}; {counted(store)}.\n"
        "Look at: the table stock_item, and the product's page for staff."
    )
    _, order_again = at_checkout(app, "lmp-001")
    again = order_again()
    assert (again.status_code, stock_of(store)) == (PLACED, (1, 1)), (
        "Expected: the next shopper buys the lamp that was given back.\n"
        f"Seen: the next shopper got {told(again)}; {counted(store)}.\n"
        "Look at: the answer to POST /checkout, and the table stock_item."
    )
