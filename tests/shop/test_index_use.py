"""No page and no service reads all of a table that grows, on either database.

The exceptions are named with their reason. Which index serves is read from the database's own plan
of each statement that was really sent.
"""

import json
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from scenarios.kit.clock import START, FixedClock
from scenarios.kit.interleaving import interleave
from scenarios.kit.meters import Statement, measure
from scenarios.kit.plans import read_plan, scans
from scenarios.kit.settings import WEBHOOK_SECRET
from scenarios.kit.work import run_due_jobs
from shop.db import transaction
from shop.domain.webhook_signature import sign
from shop.gateways.fakes import FakeMailer
from shop.models import Cart, CartLine, Job, Order, Product
from shop.queries.catalog import SORTS
from shop.queries.orders import SHELVES
from shop.services.jobs import enqueue, record_heartbeat
from shop.worker.loop import Worker
from tests.factories import (
    CartLineFactory,
    CouponFactory,
    CustomerFactory,
    GiftCardFactory,
    ProductFactory,
)
from tests.shop.browsers import sign_in_browser
from tests.shop.test_access import NUMBER, TABLE, ask
from tests.shop.test_access import browsers as browsers

# Nobody adds rows to these by using the store.
HOLD_STILL = {"category", "country", "shipping_rate", "heartbeat"}
# Without a condition, the first row there is answers it; no plan says that it stops there.
ANY_ROW = re.compile(r"EXISTS \(SELECT [^()]*\bFROM \w+\s*\)")
# This index holds only the few orders that are on their way: to read all of it is what it is for.
WAY = "ix_orders_way"
ROUTES = [(method, path) for method, path, *_ in TABLE if not path.startswith("/static/")]
# Addresses with a query, by who asks for them: each order, each shelf, the page behind another.
# Words are looked for inside names, which takes reading the names: `?q=` of goods is not here.
QUERIES = {
    "guest": (
        *(f"/?sort={sort}" for sort in SORTS),
        *(f"/?sort={sort}&category=kitchen&after=LMP-001" for sort in SORTS),
        *("/products/lamp?after=9", "/api/v1/products?after=LMP-001", "/api/v1/feed?after=LMP-001"),
    ),
    "customer": (f"/account/orders?after={NUMBER}",),
    "staff": (
        *(f"/staff/?show={shelf}" for shelf in SHELVES),
        *(f"/staff/?show={shelf}&after={NUMBER}" for shelf in SHELVES),
        *(f"/staff/?q={NUMBER}", "/staff/?q=ada@example.com", "/staff/products?after=LMP-001"),
        *("/staff/customers?q=staff@example.com", "/staff/customers?after=staff@example.com"),
    ),
}


def find_scans(engine: Engine, statements: list[Statement]) -> Iterator[str]:
    """Yield each statement that reads all of a table that grows, with its plan."""
    for statement in {each.sql: each for each in statements}.values():
        plan = read_plan(engine, statement)
        is_bounded = WAY in plan.text or ANY_ROW.search(statement.sql)
        if scans(plan) - HOLD_STILL and not is_bounded:
            yield f"{statement.sql}\n{plan.text}"


def role_for(path: str) -> str:
    """Return the one of the four who is let in."""
    return "staff" if path.startswith("/staff/") else "customer"


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_route_finds_what_it_needs_by_an_index(
    engine: Engine, browsers: dict[str, FlaskClient], method: str, path: str
) -> None:
    role = role_for(path)

    with measure(engine) as cost:
        answer = ask(browsers[role], method, path, role)

    # The lamp was ordered, so that it stays, which the last statement finds out.
    is_removal = path == "/staff/products/<sku>/remove" and answer.status_code == 409
    is_done = answer.status_code in (200, 201, 303) or is_removal
    assert is_done or path.startswith("/webhooks/")
    assert list(find_scans(engine, cost.statements)) == []


@pytest.mark.parametrize(
    ("role", "address"), [(role, each) for role, all_ in QUERIES.items() for each in all_]
)
def test_a_list_finds_its_page_by_an_index(
    engine: Engine, browsers: dict[str, FlaskClient], role: str, address: str
) -> None:
    with measure(engine) as cost:
        answer = browsers[role].get(address)

    assert answer.status_code == 200
    assert list(find_scans(engine, cost.statements)) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("shelf", sorted(set(SHELVES) - {"on-the-way"}))
def test_a_shelf_of_orders_is_kept_in_order(
    engine: Engine, browsers: dict[str, FlaskClient], shelf: str
) -> None:
    with measure(engine) as cost:
        browsers["staff"].get(f"/staff/?show={shelf}")

    [page] = [each for each in cost.reads if "ORDER BY orders.id DESC" in each.sql]
    plan = read_plan(engine, page)
    assert not plan.sorts, plan.text


@pytest.fixture
def staff(app: Flask, session: Session) -> FlaskClient:
    return sign_in_browser(app, session, CustomerFactory.create(is_staff=True))


@pytest.fixture
def filled(session: Session, typed: dict[str, str], lamp: Product) -> dict[str, str]:
    """The form for a cart of three products, one of which is limited, with both codes."""
    CouponFactory.create()
    GiftCardFactory.create()
    lamp.most_per_buyer = 3
    cart_id = session.scalars(select(Cart.id)).one()
    for _ in range(2):
        CartLineFactory.create(cart_id=cart_id, product=ProductFactory.create())
    session.commit()
    return {**typed, "coupon_code": "TENTH", "gift_card_code": "GIFT0000GIFT0000"}


def at_its_total(client: FlaskClient, form: dict[str, str]) -> dict[str, str]:
    """Return the form with the total that the page shows."""
    page = client.post("/checkout/quote", data=form)
    [total] = re.findall(r'name="total_shown" value="(\d+)"', page.text)
    return {**form, "total_shown": total}


def order(client: FlaskClient, form: dict[str, str]) -> str:
    """Order what is in the cart, and return the order's number."""
    placed = client.post("/checkout", data=at_its_total(client, form))
    assert placed.status_code == 303, placed.text
    return str(placed.location.rsplit("/", 1)[1])


def hear_of(client: FlaskClient, number: str, amount: int) -> TestResponse:
    """Send the webhook that says that the order's payment was captured."""
    data = {"payment_id": f"pay_{number}", "reference": number, "amount": amount}
    data |= {"currency": "GBP", "captured_amount": amount, "refunded_amount": 0}
    event = {"id": "evt_1", "type": "payment.captured", "created_at": START.isoformat()}
    body, seconds = json.dumps({**event, "data": data}).encode(), int(START.timestamp())
    header = f"t={seconds},v1={sign(body, WEBHOOK_SECRET, seconds)}"
    signed = {"Tillpost-Signature": header, "Content-Type": "application/json"}
    return client.post("/webhooks/payments", data=body, headers=signed)


def test_an_order_is_placed_paid_sent_and_refunded_by_indexes(
    engine: Engine,
    session: Session,
    client: FlaskClient,
    worker: Worker,
    clock: FixedClock,
    filled: dict[str, str],
    staff: FlaskClient,
) -> None:
    with measure(engine) as cost:
        number = order(client, filled)
        own = select(Order).where(Order.number == number)
        charge = session.scalars(own).one().totals.charge.amount
        session.rollback()
        answers = [hear_of(client, number, charge)]
        run_due_jobs(worker)
        answers += [staff.post(f"/staff/orders/{number}/{verb}") for verb in ("pack", "ship")]
        run_due_jobs(worker)
        clock.advance(60)
        run_due_jobs(worker)
        units = {"sku": "LMP-001", "quantity": "1"}
        answers.append(staff.post(f"/staff/orders/{number}/units", data=units))
        answers.append(staff.post(f"/staff/orders/{number}/refund"))
        run_due_jobs(worker)

    assert [answer.status_code for answer in answers] == [200, 303, 303, 303, 303]
    row = session.execute(select(Order.fulfillment_status, Order.payment_status)).one()
    assert (tuple(row), set(session.scalars(select(Job.last_error)))) == (
        ("delivered", "refunded"),
        {None},
    )
    assert list(find_scans(engine, cost.statements)) == []


@pytest.mark.parametrize("is_paid", [False, True])
def test_an_order_is_canceled_by_indexes(
    engine: Engine,
    session: Session,
    client: FlaskClient,
    worker: Worker,
    filled: dict[str, str],
    is_paid: bool,
) -> None:
    number = order(client, filled)
    if is_paid:
        run_due_jobs(worker)

    with measure(engine) as cost:
        answer = client.post(f"/orders/{number}/cancel")
        run_due_jobs(worker)

    assert (answer.status_code, session.scalars(select(Order.status)).one()) == (303, "canceled")
    assert list(find_scans(engine, cost.statements)) == []


def test_a_cart_that_changed_meanwhile_is_emptied_by_indexes(
    engine: Engine, session: Session, client: FlaskClient, filled: dict[str, str]
) -> None:
    cart_id = session.scalars(select(Cart.id)).one()

    def add() -> None:
        own = update(CartLine).where(CartLine.cart_id == cart_id)
        session.execute(own.values(quantity=CartLine.quantity + 1))
        session.commit()

    session.rollback()
    form = at_its_total(client, filled)

    with measure(engine) as cost:
        race = interleave(lambda: client.post("/checkout", data=form), add)

    assert race.a.result
    assert (race.a.result.status_code, len(cost.touching("cart_line")) > 5) == (303, True)
    assert list(find_scans(engine, cost.statements)) == []


def test_a_job_that_fails_is_set_aside_and_tried_again_by_indexes(
    engine: Engine, session: Session, staff: FlaskClient, worker: Worker, clock: FixedClock
) -> None:
    with transaction(session):
        enqueue(session, "book_parcel", START, number="BB-NONE")

    with measure(engine) as cost:
        run_due_jobs(worker)
        job_id = session.scalars(select(Job.id).where(Job.set_aside_at.is_not(None))).one()
        session.rollback()
        answer = staff.post(f"/staff/jobs/{job_id}/retry")
        record_heartbeat(session, "host:1", clock())

    assert answer.status_code == 303
    by_its_error = [each for each in cost.statements if "set_aside_at IS NOT NULL" not in each.sql]
    assert list(find_scans(engine, by_its_error)) == []


def test_a_password_is_reset_by_indexes(
    engine: Engine, session: Session, client: FlaskClient, worker: Worker, mailer: FakeMailer
) -> None:
    email = CustomerFactory.create().email

    with measure(engine) as cost:
        client.post("/password/forgot", data={"email": email})
        run_due_jobs(worker)
        [link] = re.findall(r"token=(\S+)", mailer.sent[0].get_content())
        form = {"token": link, "password": "another long one"}
        answer = client.post("/password/reset", data=form)

    assert answer.status_code == 303
    assert list(find_scans(engine, cost.statements)) == []


def test_a_scan_is_found(engine: Engine, session: Session) -> None:
    with measure(engine) as cost:
        session.execute(select(Order).where(func.upper(Order.number) == "BB"))

    [found] = find_scans(engine, cost.statements)
    assert "upper(orders.number)" in found
