from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from scenarios.kit.clock import START, FixedClock
from scenarios.kit.interleaving import interleave
from scenarios.kit.pages import sentence
from scenarios.kit.rows import DELIVERY
from scenarios.kit.work import run_due_jobs
from shop.gateways.fakes import APPROVED, DECLINED
from shop.models import Allowance, Cart, Customer, Product, StockItem
from shop.services.accounts import hash_token
from shop.worker.loop import Worker
from tests.factories import CartLineFactory, CustomerFactory, ProductFactory
from tests.shop.browsers import sign_in_browser
from tests.shop.leftovers import left

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

ADA, EVE = "ada@example.com", "eve@example.com"
TOTALS = {1: "2873", 2: "5272", 3: "7670", 4: "10069"}
SAID = "At most 3 of Lamp per customer every 7 days; this would be more."


@pytest.fixture
def scarce(session: Session, lamp: Product) -> Product:
    """The lamp, of which one buyer gets three each week."""
    lamp.most_per_buyer, lamp.limit_days = 3, 7
    session.commit()
    return lamp


def fill_in(
    browser: FlaskClient, quantity: int, email: str = ADA, card: str = APPROVED
) -> dict[str, str]:
    """Put some lamps into the cart of a browser, and return the form that orders them."""
    browser.post("/products/lamp/add", data={"quantity": str(quantity)})
    page = browser.get("/checkout").text
    return {
        **DELIVERY,
        "email": email,
        "card_number": card,
        "checkout_token": page.split('name="checkout_token" value="')[1].split('"')[0],
        "total_shown": TOTALS[quantity],
    }


def buy(
    browser: FlaskClient, quantity: int, email: str = ADA, card: str = APPROVED
) -> TestResponse:
    """Order some lamps."""
    return browser.post("/checkout", data=fill_in(browser, quantity, email, card))


def statuses(*answers: TestResponse) -> list[int]:
    return [answer.status_code for answer in answers]


def used(session: Session) -> dict[str, int]:
    """Return how much each buyer has used up."""
    session.rollback()
    return {row.buyer: row.used for row in session.scalars(select(Allowance))}


def test_a_buyer_gets_as_many_as_the_limit_says(app: Flask, scarce: Product) -> None:
    answers = [buy(app.test_client(), quantity) for quantity in (1, 2)]

    assert statuses(*answers) == [303, 303]


def test_an_order_past_the_limit_is_told_and_changes_nothing(
    app: Flask, session: Session, scarce: Product
) -> None:
    buy(app.test_client(), 2)
    before = left(session)

    page = buy(app.test_client(), 2)

    assert (page.status_code, sentence(page)) == (409, SAID)
    assert (left(session), used(session)) == ((before[0], before[1], before[2] + 1), {ADA: 2})
    assert session.scalars(select(StockItem.allocated)).one() == 2


@on_sqlite
def test_more_in_one_order_than_the_limit_is_refused(client: FlaskClient, scarce: Product) -> None:
    page = buy(client, 4)

    assert (page.status_code, sentence(page)) == (409, SAID)


@on_sqlite
def test_a_limit_of_one_day_is_told_in_good_english(
    client: FlaskClient, session: Session, scarce: Product
) -> None:
    scarce.limit_days = 1
    session.commit()

    page = buy(client, 4)

    assert sentence(page).startswith("At most 3 of Lamp per customer every day; ")
    assert "At most 3 per customer every day." in client.get("/products/lamp").text


@on_sqlite
def test_the_page_of_a_product_tells_its_limit(client: FlaskClient, scarce: Product) -> None:
    assert "At most 3 per customer every 7 days." in client.get("/products/lamp").text


@on_sqlite
@pytest.mark.parametrize(("quantity", "is_told"), [(3, False), (4, True)])
def test_a_cart_tells_what_is_over_a_limit_by_itself(
    client: FlaskClient, scarce: Product, quantity: int, is_told: bool
) -> None:
    client.post("/products/lamp/add", data={"quantity": str(quantity)})

    page = client.get("/cart").text

    said = "At most 3 per customer every 7 days. Please lower the quantity."
    assert (said in page) is is_told


@on_sqlite
def test_of_a_product_without_a_limit_a_buyer_gets_many(
    client: FlaskClient, session: Session, lamp: Product
) -> None:
    page = client.get("/products/lamp").text

    assert (buy(client, 4).status_code, "per customer" in page) == (303, False)
    assert used(session) == {}


def test_one_customer_is_one_buyer_with_many_carts_browsers_programs_and_addresses(
    app: Flask, session: Session, scarce: Product, client: FlaskClient
) -> None:
    ada: Customer = CustomerFactory.create(email="Ada@Example.com", api_token_hash=hash_token("t"))
    browser = sign_in_browser(app, session, ada)
    form = fill_in(app.test_client(), 1, "a.second@example.com")
    order = {name: form[name] for name in form if name not in ("checkout_token", "total_shown")}
    body = {**order, "total_amount": 2873, "lines": [{"sku": "LMP-001", "quantity": 1}]}
    headers = {"Authorization": "Bearer t", "Idempotency-Key": "first"}

    signed_in = buy(browser, 1, "another@example.com")
    by_program = client.post("/api/v1/orders", json=body, headers=headers)
    as_guest = buy(app.test_client(), 1, "ADA@example.com ")
    once_more = buy(browser, 1, "a.third@example.com")
    by_program_again = client.post(
        "/api/v1/orders", json=body, headers={**headers, "Idempotency-Key": "second"}
    )

    assert statuses(signed_in, by_program, as_guest) == [303, 201, 303]
    assert statuses(once_more, by_program_again) == [409, 409]
    assert by_program_again.get_json()["error"]["code"] == "limit_reached"
    assert used(session) == {ADA: 3}


def test_each_buyer_has_the_limit_for_themselves(
    app: Flask, session: Session, scarce: Product
) -> None:
    answers = [buy(app.test_client(), 3, email) for email in (ADA, EVE)]

    assert (statuses(*answers), used(session)) == ([303, 303], {ADA: 3, EVE: 3})


def test_the_limit_begins_anew_with_the_next_window(
    app: Flask, clock: FixedClock, scarce: Product
) -> None:
    # The window that START is in began on Thursday the 26th of February.
    clock.moment = START.replace(day=5, hour=0)
    next_window = clock.moment
    clock.moment -= timedelta(seconds=1)
    before = [buy(app.test_client(), quantity) for quantity in (3, 1)]
    clock.moment = next_window

    after = [buy(app.test_client(), quantity) for quantity in (3, 1)]

    assert (statuses(*before), statuses(*after)) == ([303, 409], [303, 409])


def test_the_same_form_sent_again_counts_once(
    client: FlaskClient, session: Session, scarce: Product, typed: dict[str, str]
) -> None:
    answers = [client.post("/checkout", data=typed) for _ in range(2)]

    assert ({answer.status_code for answer in answers}, used(session)) == ({303}, {ADA: 1})


@pytest.mark.parametrize("is_paid", [False, True])
def test_a_canceled_order_does_not_count(
    client: FlaskClient, session: Session, worker: Worker, scarce: Product, is_paid: bool
) -> None:
    placed = buy(client, 3)
    if is_paid:
        run_due_jobs(worker)

    client.post(f"{placed.location}/cancel")

    assert used(session) == {ADA: 0}
    assert buy(client, 3).status_code == 303


def test_an_order_whose_card_was_declined_does_not_count(
    client: FlaskClient, session: Session, worker: Worker, scarce: Product
) -> None:
    buy(client, 3, card=DECLINED)
    before = used(session)

    run_due_jobs(worker)

    assert (before, used(session)) == ({ADA: 3}, {ADA: 0})


@pytest.mark.parametrize(("is_delivered", "counted"), [(False, 2), (True, 3)])
def test_units_that_never_left_do_not_count_and_units_that_came_back_do(
    app: Flask, client: FlaskClient, session: Session, worker: Worker, scarce: Product,
    is_delivered: bool, counted: int
) -> None:  # fmt: skip
    order = f"/staff{buy(client, 3).location}"
    run_due_jobs(worker)
    staff = sign_in_browser(app, session, CustomerFactory.create(is_staff=True))
    for verb in ("pack", "ship") if is_delivered else ():
        staff.post(f"{order}/{verb}")
    run_due_jobs(worker)

    refunded = staff.post(f"{order}/units", data={"sku": "LMP-001", "quantity": "1"})

    assert (refunded.status_code, used(session)) == (303, {ADA: counted})


@pytest.mark.parametrize(("most", "days"), [(3, 1), (1, 7), (None, 7)])
def test_what_was_counted_is_given_back_though_the_limit_was_edited_meanwhile(
    client: FlaskClient, session: Session, scarce: Product, most: int | None, days: int
) -> None:
    placed = buy(client, 3)
    scarce.most_per_buyer, scarce.limit_days = most, days
    session.commit()

    client.post(f"{placed.location}/cancel")

    assert used(session) == {ADA: 0}


def test_an_order_from_before_the_limit_gives_nothing_back(
    client: FlaskClient, session: Session, lamp: Product
) -> None:
    free = buy(client, 3)
    lamp.most_per_buyer = 3
    session.commit()
    buy(client, 2)

    client.post(f"{free.location}/cancel")

    assert used(session) == {ADA: 2}


@pytest.mark.parametrize(("taken", "status"), [(3, 409), (2, 303)])
def test_two_orders_of_one_buyer_at_once_stay_within_the_limit(
    app: Flask, session: Session, scarce: Product, taken: int, status: int
) -> None:
    mine, theirs = app.test_client(), app.test_client()
    my_form, their_form = fill_in(mine, 1), fill_in(theirs, taken, "Ada@Example.com")

    race = interleave(
        lambda: mine.post("/checkout", data=my_form),
        lambda: theirs.post("/checkout", data=their_form),
    )

    assert race.a.result
    assert race.b.result
    assert statuses(race.b.result, race.a.result) == [303, status]
    assert used(session) == {ADA: 3 if status == 303 else taken}


def test_limits_are_counted_in_the_order_of_skus_so_that_no_two_orders_wait_for_each_other(
    client: FlaskClient, session: Session, engine: Engine, scarce: Product, typed: dict[str, str]
) -> None:
    for sku in ("ZZZ-001", "AAA-001"):
        saw = ProductFactory.create(sku=sku, price_amount=0, most_per_buyer=1)
        CartLineFactory.create(cart_id=session.scalars(select(Cart.id)).one(), product=saw)
    session.rollback()
    counted: list[str] = []

    def listen(_connection: object, _cursor: object, sql: str, values: Any, *_: object) -> None:
        if sql.startswith(("INSERT INTO allowance", "UPDATE allowance")):
            texts = values.values() if isinstance(values, dict) else values
            counted.extend(each for each in texts if str(each).startswith("product:"))

    event.listen(engine, "before_cursor_execute", listen)
    placed = client.post("/checkout", data=typed)
    client.post(f"{placed.location}/cancel")

    assert counted == ["product:AAA-001", "product:LMP-001", "product:ZZZ-001"] * 2
