import json
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from scenarios.kit.clock import START
from scenarios.kit.interleaving import interleave
from scenarios.kit.pages import filled_in, sentence
from scenarios.kit.settings import WEBHOOK_SECRET
from scenarios.kit.statements import Predicate, is_write
from scenarios.kit.work import run_due_jobs
from shop.db import transaction
from shop.domain.webhook_signature import sign
from shop.models import Cart, CartLine, Customer, Job, Order, Product, Refund, StockItem
from shop.services.accounts import hash_token
from shop.services.jobs import enqueue
from shop.worker.loop import Worker
from tests.factories import PASSWORD, CartFactory, CustomerFactory, OrderFactory
from tests.shop.browsers import sign_in_browser
from tests.shop.order_books import find_faults

NUMBER = "BB-7K3MQ-9XT2W"
ORDER = f"/staff/orders/{NUMBER}"
MEANWHILE = "Somebody has changed this order meanwhile. Look at it again before you save."
Ask = Callable[[], TestResponse]


@pytest.fixture
def order(session: Session, worker: Worker, lamp: Product) -> Order:
    """A customer's paid order of three lamps, of ten on hand."""
    owner = CustomerFactory.create()
    lamp.stock.allocated = 3
    order: Order = OrderFactory.create(
        number=NUMBER, product=lamp, quantity=3, customer_id=owner.id
    )
    with transaction(session):
        enqueue(session, "authorize_payment", START, number=NUMBER)
    run_due_jobs(worker)
    session.rollback()
    return order


@pytest.fixture
def customer(app: Flask, session: Session, order: Order) -> FlaskClient:
    """A browser in which the order's customer is signed in."""
    return sign_in_browser(app, session, session.scalars(select(Customer)).one())


@pytest.fixture
def staff(app: Flask, session: Session, lamp: Product) -> FlaskClient:
    """A browser in which somebody of the staff is signed in."""
    return sign_in_browser(app, session, CustomerFactory.create(is_staff=True))


def race(
    first: Ask, second: Ask, before: Predicate = is_write
) -> tuple[TestResponse, TestResponse]:
    """Return both answers: the second request is answered whole within the first."""
    both = interleave(first, second, before)
    assert both.a.result
    assert both.b.result
    return both.a.result, both.b.result


def statuses(*answers: TestResponse) -> list[int]:
    return [answer.status_code for answer in answers]


def one_status(session: Session) -> tuple[str, str]:
    session.rollback()
    row = session.execute(select(Order.status, Order.fulfillment_status)).one()
    return row.status, row.fulfillment_status


def moves_cart(sql: str) -> bool:
    return sql.startswith("DELETE FROM cart_line")


def test_of_two_who_register_one_address_the_second_is_told_and_keeps_what_was_typed(
    app: Flask, session: Session
) -> None:
    def register(email: str) -> TestResponse:
        form = {"email": email, "name": "Noor", "password": PASSWORD}
        return app.test_client().post("/register", data=form)

    mine, theirs = race(lambda: register("Noor@example.com"), lambda: register("noor@EXAMPLE.com"))

    assert statuses(mine, theirs) == [409, 303]
    assert (filled_in(mine, "email"), filled_in(mine, "password")) == ("Noor@example.com", "")
    assert session.scalars(select(Customer.email)).all() == ["noor@EXAMPLE.com"]
    assert len(session.scalars(select(Cart)).all()) == 1


def test_a_customer_who_cancels_while_the_parcel_is_handed_over_is_told(
    session: Session, customer: FlaskClient, staff: FlaskClient
) -> None:
    staff.post(f"{ORDER}/pack")

    told, shipped = race(
        lambda: customer.post(f"/orders/{NUMBER}/cancel"), lambda: staff.post(f"{ORDER}/ship")
    )

    assert (statuses(told, shipped), sentence(told)) == ([409, 303], MEANWHILE)
    assert (one_status(session), find_faults(session, 10)) == (("confirmed", "shipping"), [])


def test_staff_who_ship_what_the_customer_cancels_are_told(
    session: Session, customer: FlaskClient, staff: FlaskClient
) -> None:
    staff.post(f"{ORDER}/pack")

    told, canceled = race(
        lambda: staff.post(f"{ORDER}/ship"), lambda: customer.post(f"/orders/{NUMBER}/cancel")
    )

    assert (statuses(told, canceled), sentence(told)) == ([409, 303], MEANWHILE)
    assert (one_status(session), find_faults(session, 10)) == (("canceled", "packed"), [])


def test_a_customer_and_staff_who_cancel_at_once_cancel_once(
    session: Session, customer: FlaskClient, staff: FlaskClient
) -> None:
    told, canceled = race(
        lambda: customer.post(f"/orders/{NUMBER}/cancel"), lambda: staff.post(f"{ORDER}/cancel")
    )

    assert (statuses(told, canceled), find_faults(session, 10)) == ([409, 303], [])
    assert len(session.scalars(select(Refund)).all()) == 1


def test_a_cancellation_while_the_webhook_of_its_payment_comes_in_is_not_lost(
    app: Flask, session: Session, worker: Worker, lamp: Product
) -> None:
    lamp.stock.allocated = 1
    owner = CustomerFactory.create()
    placed = OrderFactory.create(number=NUMBER, product=lamp, customer_id=owner.id)
    data = {"payment_id": f"pay_{NUMBER}", "reference": NUMBER, "amount": placed.total_amount}
    data |= {"currency": "GBP", "captured_amount": placed.total_amount, "refunded_amount": 0}
    event = {"id": "evt_1", "type": "payment.captured", "created_at": START.isoformat()}
    body = json.dumps({**event, "data": data}).encode()
    seconds = int(START.timestamp())
    header = f"t={seconds},v1={sign(body, WEBHOOK_SECRET, seconds)}"
    signed = {"Tillpost-Signature": header, "Content-Type": "application/json"}
    browser = sign_in_browser(app, session, owner)

    told, canceled = race(
        lambda: app.test_client().post("/webhooks/payments", data=body, headers=signed),
        lambda: browser.post(f"/orders/{NUMBER}/cancel"),
    )

    assert (statuses(told, canceled), find_faults(session, 10)) == ([200, 303], [])
    assert session.scalars(select(Refund.amount)).all() == [placed.total_amount]


def test_the_same_units_refunded_by_two_at_once_are_refunded_once(
    session: Session, order: Order, staff: FlaskClient
) -> None:
    form = {"sku": "LMP-001", "quantity": "2"}

    told, refunded = race(
        lambda: staff.post(f"{ORDER}/units", data=form),
        lambda: staff.post(f"{ORDER}/units", data=form),
    )

    assert (statuses(told, refunded), find_faults(session, 10)) == ([409, 303], [])
    assert session.scalars(select(StockItem.allocated)).all() == [1]


def test_of_two_edits_at_once_the_second_sees_what_the_first_has_saved(
    session: Session, staff: FlaskClient
) -> None:
    def edit(name: str) -> TestResponse:
        form = {"name": name, "price_amount": "1999", "version": "1"}
        return staff.post("/staff/products/LMP-001", data=form)

    told, saved = race(lambda: edit("Mine"), lambda: edit("Theirs"))

    assert (statuses(told, saved), filled_in(told, "name")) == ([409, 303], "Mine")
    assert re.findall('class="stored-text">([^<]*)<', told.text) == ["Theirs"]
    assert session.scalars(select(Product.name)).all() == ["Theirs"]


@pytest.fixture
def tabs(app: Flask, session: Session, lamp: Product) -> list[FlaskClient]:
    """Two tabs of one browser with two lamps in its cart."""
    tabs = [app.test_client(), app.test_client()]
    tabs[0].post("/products/lamp/add", data={"quantity": "2"})
    cookie = tabs[0].get_cookie("session")
    assert cookie is not None
    tabs[1].set_cookie("session", cookie.value)
    return tabs


@pytest.fixture
def who(session: Session, tabs: list[FlaskClient]) -> dict[str, str]:
    """What somebody with an account and an empty cart signs in with."""
    owner = CustomerFactory.create()
    CartFactory.create(customer_id=owner.id)
    return {"email": owner.email, "password": PASSWORD}


def quantities(session: Session) -> list[int]:
    session.rollback()
    return list(session.scalars(select(CartLine.quantity)))


def test_a_cart_that_two_tabs_bring_along_at_once_arrives_once(
    session: Session, tabs: list[FlaskClient], who: dict[str, str]
) -> None:
    answers = race(
        lambda: tabs[0].post("/sign-in", data=who),
        lambda: tabs[1].post("/sign-in", data=who),
        before=moves_cart,
    )

    assert (statuses(*answers), quantities(session)) == ([303, 303], [2])
    assert 'value="2"' in tabs[0].get("/cart").text


def test_what_one_tab_adds_while_the_other_signs_in_is_not_lost(
    session: Session, tabs: list[FlaskClient], who: dict[str, str]
) -> None:
    answers = race(
        lambda: tabs[0].post("/sign-in", data=who),
        lambda: tabs[1].post("/products/lamp/add", data={"quantity": "3"}),
        before=moves_cart,
    )

    assert (statuses(*answers), quantities(session)) == ([303, 303], [5])


def test_stock_that_a_checkout_has_just_taken_cannot_be_adjusted_away(
    client: FlaskClient, session: Session, lamp: Product, typed: dict[str, str], staff: FlaskClient
) -> None:
    lamp.stock.on_hand = 1
    session.commit()
    form = {"delta": "-1", "reason": "damaged"}

    told, placed = race(
        lambda: staff.post("/staff/products/LMP-001/stock", data=form),
        lambda: client.post("/checkout", data=typed),
    )

    assert (statuses(told, placed), "fewer units than the 1" in sentence(told)) == (
        [409, 303],
        True,
    )
    assert session.execute(select(StockItem.on_hand, StockItem.allocated)).all() == [(1, 1)]


def test_a_checkout_of_what_was_just_adjusted_away_is_told(
    client: FlaskClient, session: Session, lamp: Product, typed: dict[str, str], staff: FlaskClient
) -> None:
    lamp.stock.on_hand = 1
    session.commit()
    form = {"delta": "-1", "reason": "damaged"}

    told, adjusted = race(
        lambda: client.post("/checkout", data=typed),
        lambda: staff.post("/staff/products/LMP-001/stock", data=form),
    )

    assert (statuses(told, adjusted), sentence(told)) == ([409, 303], "Lamp is sold out.")
    assert (session.scalars(select(Order)).all(), quantities(session)) == ([], [1])


def test_a_link_that_two_follow_at_once_sets_one_password(app: Flask, session: Session) -> None:
    email = CustomerFactory.create(
        reset_hash=hash_token("link"), reset_ends_at=START + timedelta(hours=1)
    ).email

    def reset(password: str) -> TestResponse:
        form = {"token": "link", "password": password}
        return app.test_client().post("/password/reset", data=form)

    told, done = race(lambda: reset("mine is longer"), lambda: reset("theirs is longer"))

    assert statuses(told, done) == [410, 303]
    passwords = ("mine is longer", "theirs is longer")
    CartFactory.create(customer_id=session.scalars(select(Customer.id)).one())
    entered = [
        app.test_client().post("/sign-in", data={"email": email, "password": password})
        for password in passwords
    ]
    assert statuses(*entered) == [422, 303]


def test_a_job_that_two_run_again_at_once_is_opened_once(
    session: Session, staff: FlaskClient
) -> None:
    with transaction(session):
        enqueue(session, "book_parcel", START, number=NUMBER)
    job = session.scalars(select(Job)).one()
    job.set_aside_at = START
    session.commit()
    path = f"/staff/jobs/{job.id}/retry"

    told, done = race(lambda: staff.post(path), lambda: staff.post(path))

    assert statuses(told, done) == [404, 303]


def test_who_is_signed_out_while_signing_in_is_asked_again(
    app: Flask, session: Session, who: dict[str, str]
) -> None:
    customer = session.scalars(select(Customer)).one()
    customer.reset_hash, customer.reset_ends_at = hash_token("link"), START + timedelta(hours=1)
    session.commit()
    form = {"token": "link", "password": "a longer password"}

    told, reset = race(
        lambda: app.test_client().post("/sign-in", data=who),
        lambda: app.test_client().post("/password/reset", data=form),
        before=lambda sql: "JOIN sign_in" in sql,
    )

    assert (statuses(told, reset), filled_in(told, "email")) == ([422, 303], who["email"])
