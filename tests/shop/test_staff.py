import re
from html import unescape
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from scenarios.kit.clock import START
from scenarios.kit.pages import beside, filled_in, sentence
from scenarios.kit.work import run_due_jobs
from shop.db import transaction
from shop.domain.order_status import FulfillmentStatus, OrderStatus, PaymentStatus
from shop.gateways.fakes import FakePaymentProvider
from shop.models import Job, Product, StockItem, StockMovement
from shop.services.jobs import enqueue
from shop.worker.loop import Worker
from tests.factories import CustomerFactory, OrderFactory, ProductFactory
from tests.shop.browsers import sign_in_browser
from tests.shop.odd_texts import NOT_A_NUMBER, NOT_A_TEXT, ODD_TEXTS
from tests.shop.order_books import statuses

NUMBER = "BB-7K3MQ-9XT2W"
ORDER = f"/staff/orders/{NUMBER}"
PRODUCT = "/staff/products/LMP-001"
EDIT = {
    "name": "Lamp II",
    "summary": "Brighter.",
    "description": "Two lines\r\nof text.",
    "price_amount": "2100",
    "version": "1",
}
MOVEMENT = {"delta": "-3", "reason": "damaged", "note": "fell off the shelf"}
EVERY_ODD_TEXT = {**NOT_A_TEXT, **ODD_TEXTS, **NOT_A_NUMBER, "long": "x" * 6_000, "quote": "'\"\\"}
_O, _P, _F = OrderStatus, PaymentStatus, FulfillmentStatus
SHELVES = {
    "to-pack": (_O.CONFIRMED, _P.PAID, _F.UNFULFILLED),
    "to-ship": (_O.CONFIRMED, _P.PAID, _F.PACKED),
    "on-the-way": (_O.CONFIRMED, _P.PAID, _F.SHIPPED),
    "unpaid": (_O.PLACED, _P.AUTHORIZED, _F.UNFULFILLED),
    "completed": (_O.COMPLETED, _P.PAID, _F.DELIVERED),
    "canceled": (_O.CANCELED, _P.REFUNDED, _F.UNFULFILLED),
}
ANSWERED = {200, 303, 404, 409, 422}
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def staff(app: Flask, session: Session) -> FlaskClient:
    """A browser in which somebody of the staff is signed in."""
    return sign_in_browser(app, session, CustomerFactory.create(name="Jo", is_staff=True))


@pytest.fixture
def paid(session: Session, worker: Worker, lamp: Product) -> str:
    """The number of a paid order of three lamps, of ten on hand."""
    OrderFactory.create(number=NUMBER, product=lamp, quantity=3)
    lamp.stock.allocated = 3
    session.commit()
    with transaction(session):
        enqueue(session, "authorize_payment", START, number=NUMBER)
    run_due_jobs(worker)
    session.rollback()
    return NUMBER


def numbers(page: TestResponse) -> list[str]:
    return re.findall('href="/staff/orders/([^"]+)"', page.text)


def next_of(page: TestResponse) -> str:
    """Return the address of the next page, or an empty text."""
    found = re.search('rel="next" href="([^"]+)"', page.text)
    return unescape(found[1]) if found else ""


def stock(session: Session) -> tuple[int, int]:
    session.rollback()
    item = session.scalars(select(StockItem)).one()
    return item.on_hand, item.allocated


def stored(session: Session) -> dict[str, object]:
    session.rollback()
    product = session.scalars(select(Product)).one()
    return {name: getattr(product, name) for name in EDIT}


def set_aside(session: Session, **facts: object) -> int:
    """Write a job that was set aside, and return its id."""
    moments = {"created_at": START, "due_at": START, "set_aside_at": START}
    job = Job(**{**moments, "key": "k", "payload": {}, "attempts": 8, "kind": "x", **facts})
    session.add(job)
    session.commit()
    return job.id


@pytest.mark.parametrize("shelf", [*SHELVES, "all"])
def test_each_shelf_shows_its_orders(staff: FlaskClient, session: Session, shelf: str) -> None:
    for name, (status, payment, fulfillment) in SHELVES.items():
        OrderFactory.create(
            number=name, status=status, payment_status=payment, fulfillment_status=fulfillment
        )

    page = staff.get("/staff/", query_string={"show": shelf})

    assert numbers(page) == ([*SHELVES][::-1] if shelf == "all" else [shelf])


@on_sqlite
def test_staff_see_first_what_is_to_be_packed(staff: FlaskClient, paid: str) -> None:
    OrderFactory.create()

    assert numbers(staff.get("/staff/")) == [paid]


@on_sqlite
@pytest.mark.parametrize(
    "q", [NUMBER, NUMBER.lower(), f" {NUMBER} ", "Noor@Example.com", "NOOR@EXAMPLE.COM "]
)
def test_an_order_is_found_on_any_shelf_by_number_and_by_email(
    staff: FlaskClient, session: Session, q: str
) -> None:
    OrderFactory.create(number=NUMBER, email="noor@example.com", status=_O.CANCELED)
    OrderFactory.create()

    page = staff.get("/staff/", query_string={"q": q, "show": "to-ship"})

    assert numbers(page) == [NUMBER]


@on_sqlite
@pytest.mark.parametrize("q", ["BB-7K3MQ", "BB-7K3MQ-9XT2_", "%", "example.com", "%@example.com"])
def test_part_of_a_number_or_an_email_finds_nothing(
    staff: FlaskClient, session: Session, q: str
) -> None:
    OrderFactory.create(number=NUMBER)

    page = staff.get("/staff/", query_string={"q": q, "show": "all"})

    assert (page.status_code, numbers(page)) == (200, [])
    assert f"No order for “{q}”" in page.text


@pytest.mark.parametrize("query", ["?show=unpaid", "?q=ada@example.com"])
def test_the_pages_of_a_list_hold_each_order_once(
    staff: FlaskClient, session: Session, lamp: Product, query: str
) -> None:
    made = [OrderFactory.create(product=lamp).number for _ in range(51)]
    OrderFactory.create(product=lamp, email="eve@example.com", status=_O.CANCELED)

    pages = [staff.get(f"/staff/{query}")]
    while address := next_of(pages[-1]):
        pages.append(staff.get(address))

    assert [len(numbers(page)) for page in pages] == [25, 25, 1]
    assert [number for page in pages for number in numbers(page)] == made[::-1]


@on_sqlite
def test_a_page_that_is_full_leads_to_no_empty_one(
    staff: FlaskClient, session: Session, lamp: Product
) -> None:
    for _ in range(25):
        OrderFactory.create(product=lamp)

    assert next_of(staff.get("/staff/?show=all")) == ""


def test_a_paid_order_is_packed_and_shipped_and_arrives(
    staff: FlaskClient, session: Session, worker: Worker, paid: str
) -> None:
    seen = []
    for verb in ("pack", "ship"):
        answer = staff.post(f"{ORDER}/{verb}")
        seen.append((answer.status_code, answer.location, statuses(session)[2]))
    run_due_jobs(worker)

    assert seen == [(303, ORDER, "packed"), (303, ORDER, "shipping")]
    assert (statuses(session), stock(session)) == (("completed", "paid", "delivered"), (7, 0))


def test_staff_cancel_an_order_and_the_money_goes_back(
    staff: FlaskClient, session: Session, worker: Worker, provider: FakePaymentProvider, paid: str
) -> None:
    answer = staff.post(f"{ORDER}/cancel")
    run_due_jobs(worker)

    assert (answer.status_code, stock(session)) == (303, (10, 0))
    assert statuses(session) == ("canceled", "refunded", "unfulfilled")
    assert [str(money) for money in provider.refunds.values()] == ["£76.70"]


def test_staff_refund_some_units_and_then_the_rest(
    staff: FlaskClient, session: Session, worker: Worker, provider: FakePaymentProvider, paid: str
) -> None:
    staff.post(f"{ORDER}/units", data={"sku": "LMP-001", "quantity": "1"})
    after_one = stock(session)

    staff.post(f"{ORDER}/refund")
    run_due_jobs(worker)

    assert (after_one, stock(session)) == ((10, 2), (10, 0))
    assert statuses(session) == ("canceled", "refunded", "unfulfilled")
    assert sum(money.amount for money in provider.refunds.values()) == 7670


@on_sqlite
def test_the_page_of_an_order_says_what_was_given_back(
    staff: FlaskClient, session: Session, paid: str
) -> None:
    staff.post(f"{ORDER}/units", data={"sku": "LMP-001", "quantity": "1"})

    page = staff.get(ORDER).text

    assert re.findall(r'data-label="Refunded"[^>]*>(\d+)<', page) == ["1"]
    assert "Together £23.99 of £76.70." in page


@pytest.mark.parametrize(
    ("first", "verb", "said"),
    [
        ([], "ship", f"Order {NUMBER} is confirmed and unfulfilled"),
        (["pack"], "pack", f"Order {NUMBER} is confirmed and packed"),
        (["pack"], "refund", f"Order {NUMBER} is confirmed and packed"),
        (["pack", "ship"], "ship", f"Order {NUMBER} is confirmed and shipping"),
        (["pack", "ship"], "cancel", f"Order {NUMBER} is confirmed and shipping"),
        (["cancel"], "pack", f"Order {NUMBER} is canceled and unfulfilled"),
        (["cancel"], "cancel", f"Order {NUMBER} is canceled and unfulfilled"),
    ],
)
@on_sqlite
def test_what_cannot_be_done_to_an_order_is_said_on_its_page(
    staff: FlaskClient, session: Session, paid: str, first: list[str], verb: str, said: str
) -> None:
    for each in first:
        staff.post(f"{ORDER}/{each}")
    before = statuses(session), stock(session)

    page = staff.post(f"{ORDER}/{verb}")

    assert (page.status_code, f"<h1>{NUMBER}</h1>" in page.text) == (409, True)
    assert sentence(page) == f"{said}: it is too late or too early for this."
    assert (statuses(session), stock(session)) == before


@on_sqlite
@pytest.mark.parametrize(
    ("sku", "quantity", "status", "said"),
    [
        ("LMP-001", "4", 409, f"Order {NUMBER} has only 3 of LMP-001 left to refund."),
        ("NOPE", "1", 409, f"Order {NUMBER} has only 0 of NOPE left to refund."),
        ("LMP-001", "0", 422, "A whole number from 1 to 99, please."),
        ("LMP-001", "-1", 422, "A whole number from 1 to 99, please."),
        ("LMP-001", "two", 422, "A whole number from 1 to 99, please."),
        ("", "1", 422, "Please fill this in."),
    ],
)
def test_units_that_cannot_be_given_back_are_refused_on_the_orders_page(
    staff: FlaskClient, session: Session, paid: str, sku: str, quantity: str, status: int, said: str
) -> None:
    page = staff.post(f"{ORDER}/units", data={"sku": sku, "quantity": quantity})

    assert (page.status_code, sentence(page), stock(session)) == (status, said, (10, 3))
    assert f"<h1>{NUMBER}</h1>" in page.text


@on_sqlite
@pytest.mark.parametrize("action", ["pack", "ship", "cancel", "refund", "units"])
def test_an_order_that_is_not_there_is_not_found(staff: FlaskClient, action: str) -> None:
    page = staff.post(
        f"{ORDER}/{action}", data={"sku": "A", "quantity": "1"} if action == "units" else {}
    )

    assert (page.status_code, sentence(page)) == (404, "We have no such order.")


@on_sqlite
def test_nothing_else_can_be_done_to_an_order(staff: FlaskClient, paid: str) -> None:
    answers = [staff.post(f"{ORDER}/{verb}").status_code for verb in ("pay", "deliver", "PACK")]

    assert answers == [404, 404, 404]


def test_an_edited_product_is_saved_and_found_by_its_new_name(
    staff: FlaskClient, session: Session, lamp: Product
) -> None:
    answer = staff.post(PRODUCT, data=EDIT)

    assert (answer.status_code, answer.location) == (303, PRODUCT)
    assert stored(session) == {
        **EDIT, "description": "Two lines\nof text.", "price_amount": 2100, "version": 2
    }  # fmt: skip
    assert 'href="/products/lamp"' in staff.get("/?q=LAMP+ii").text


def test_the_second_of_two_edits_is_told_and_loses_nothing(
    staff: FlaskClient, session: Session, lamp: Product
) -> None:
    staff.post(PRODUCT, data={**EDIT, "summary": "Warmer.", "price_amount": "2300"})
    saved = stored(session)

    page = staff.post(PRODUCT, data=EDIT)

    assert (page.status_code, stored(session)) == (409, saved)
    assert sentence(page).startswith("Somebody has changed this product meanwhile.")
    assert {name: filled_in(page, name) for name in ("name", "summary", "price_amount")} == {
        "name": "Lamp II", "summary": "Brighter.", "price_amount": "2100"
    }  # fmt: skip
    assert "Two lines\r\nof text.</textarea>" in page.text or "Two lines\nof text.</t" in page.text
    # Only what differs from the own text stands there a second time.
    assert re.findall('class="stored-text">([^<]*)<', page.text) == ["Warmer."]
    assert "Saved meanwhile:</strong> 2300 (£23.00)" in page.text


@on_sqlite
def test_the_second_of_two_edits_may_be_saved_again(
    staff: FlaskClient, session: Session, lamp: Product
) -> None:
    staff.post(PRODUCT, data={**EDIT, "summary": "Warmer."})
    page = staff.post(PRODUCT, data=EDIT)
    version = re.findall('name="version" value="([^"]*)"', page.text)[0]

    again = staff.post(PRODUCT, data={**EDIT, "version": version})

    assert (version, again.status_code, stored(session)["summary"]) == ("2", 303, "Brighter.")


@on_sqlite
@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("name", "", "Please fill this in."),
        ("name", "x" * 81, "At most 80 characters, please."),
        ("summary", "x" * 201, "At most 200 characters, please."),
        ("description", "x" * 5_001, "At most 5000 characters, please."),
        ("price_amount", "0", "A whole number from 1 to 10000000, please."),
        ("price_amount", "20.00", "A whole number from 1 to 10000000, please."),
        ("price_amount", "10000001", "A whole number from 1 to 10000000, please."),
    ],
)
def test_an_edit_that_does_not_validate_says_so_beside_the_field(
    staff: FlaskClient, session: Session, lamp: Product, field: str, text: str, said: str
) -> None:
    before = stored(session)

    page = staff.post(PRODUCT, data={**EDIT, field: text})

    assert (page.status_code, beside(page, field), stored(session)) == (422, said, before)
    assert text in page.text


@on_sqlite
@pytest.mark.parametrize("field", ["sku", "slug", "currency", "category_id", "on_hand"])
def test_an_edit_changes_nothing_that_is_not_on_its_form(
    staff: FlaskClient, session: Session, lamp: Product, field: str
) -> None:
    page = staff.post(PRODUCT, data={**EDIT, field: "1"})

    assert (page.status_code, stored(session)["version"]) == (422, 1)


@pytest.mark.parametrize("name", ["\N{GREEK SMALL LETTER IOTA WITH DIALYTIKA AND TONOS}" * 80])
def test_the_longest_name_fits_when_it_is_folded(
    staff: FlaskClient, session: Session, lamp: Product, name: str
) -> None:
    assert staff.post(PRODUCT, data={**EDIT, "name": name}).status_code == 303


def test_a_movement_changes_the_stock_and_stands_in_the_ledger(
    staff: FlaskClient, session: Session, lamp: Product
) -> None:
    answer = staff.post(f"{PRODUCT}/stock", data=MOVEMENT)

    assert (answer.status_code, stock(session)) == (303, (7, 0))
    booked = session.scalars(select(StockMovement)).one()
    assert (booked.delta, booked.reason, booked.note, booked.at) == (
        -3, "damaged", "fell off the shelf", START
    )  # fmt: skip
    assert 'data-label="Units" class="amount">-3<' in staff.get(PRODUCT).text


def test_units_that_open_orders_wait_for_cannot_go(
    staff: FlaskClient, session: Session, paid: str
) -> None:
    page = staff.post(f"{PRODUCT}/stock", data={**MOVEMENT, "delta": "-8"})

    assert (page.status_code, stock(session), filled_in(page, "delta")) == (409, (10, 3), "-8")
    assert sentence(page) == ("That would leave fewer units than the 3 that open orders wait for.")
    assert session.scalars(select(StockMovement)).all() == []


@on_sqlite
@pytest.mark.parametrize(
    ("field", "text"),
    [("delta", "10001"), ("delta", "-10001"), ("delta", "some"), ("reason", "stolen"),
     ("reason", ""), ("reason", "shipped"), ("note", "x" * 201)],
)  # fmt: skip
def test_a_movement_that_does_not_validate_keeps_what_was_typed_into_it_alone(
    staff: FlaskClient, session: Session, lamp: Product, field: str, text: str
) -> None:
    page = staff.post(f"{PRODUCT}/stock", data={**MOVEMENT, field: text})

    assert (page.status_code, bool(beside(page, field)), stock(session)) == (422, True, (10, 0))
    assert filled_in(page, "note") == {**MOVEMENT, field: text}["note"]
    assert (filled_in(page, "name"), filled_in(page, "price_amount")) == ("Lamp", "1999")


def test_a_job_that_was_set_aside_runs_again_when_it_is_told_to(
    staff: FlaskClient, session: Session, worker: Worker, paid: str
) -> None:
    job_id = set_aside(
        session, kind="send_confirmation", payload={"number": paid}, last_error="no mail server"
    )
    shown = staff.get("/staff/jobs").text

    answer = staff.post(f"/staff/jobs/{job_id}/retry")

    assert (answer.status_code, "no mail server" in shown) == (303, True)
    assert run_due_jobs(worker) == 1
    assert "Nothing is set aside" in staff.get("/staff/jobs").text


@on_sqlite
@pytest.mark.parametrize("job_id", [0, 999])
def test_a_job_that_is_not_there_is_not_found(
    staff: FlaskClient, session: Session, job_id: int
) -> None:
    page = staff.post(f"/staff/jobs/{job_id}/retry")

    assert (page.status_code, sentence(page)) == (404, "We have no such job that was set aside.")


@pytest.mark.parametrize("job_id", [2**31 - 1, 2**31, 2**63, 10**30])
def test_a_number_that_no_job_can_have_is_not_found(staff: FlaskClient, job_id: int) -> None:
    assert staff.post(f"/staff/jobs/{job_id}/retry").status_code == 404


@on_sqlite
@pytest.mark.parametrize(
    "facts", [{"set_aside_at": None}, {"set_aside_at": None, "done_at": START}], ids=["due", "done"]
)
def test_a_job_that_is_not_set_aside_is_not_found(
    staff: FlaskClient, session: Session, facts: dict[str, object]
) -> None:
    job_id = set_aside(session, **facts)

    assert staff.post(f"/staff/jobs/{job_id}/retry").status_code == 404


@on_sqlite
@pytest.mark.parametrize("payload", [{}, {"number": "BB-GONE"}, {"customer_id": 7}, {"x": "y"}])
def test_jobs_about_anything_are_shown(
    staff: FlaskClient, session: Session, payload: dict[str, object]
) -> None:
    set_aside(session, payload=payload, kind="<b>", last_error="<script>alert(1)</script>")

    page = staff.get("/staff/jobs")

    assert (page.status_code, "<script>alert" in page.text, "<b>" in page.text) == (
        200,
        False,
        False,
    )


def test_customers_are_listed_the_latest_first_and_found_by_email(
    staff: FlaskClient, session: Session
) -> None:
    for nth in range(50):
        CustomerFactory.create(email=f"C{nth}@example.com", name=f"Number {nth}")

    first = staff.get("/staff/customers")
    second = staff.get(next_of(first))
    found = staff.get("/staff/customers?q=c49@EXAMPLE.com")

    listed = re.findall(r"row\">(Number \d+|Jo) ", first.text + second.text)
    assert listed == [*(f"Number {nth}" for nth in reversed(range(50))), "Jo"]
    assert re.findall(r"row\">(Number \d+) ", found.text) == ["Number 49"]


@on_sqlite
def test_products_are_paged_by_name(staff: FlaskClient, session: Session) -> None:
    shelf = ProductFactory.create(name="Thing 50").category
    for nth in range(50):
        ProductFactory.create(name=f"Thing {nth:02}", category=shelf)

    first = staff.get("/staff/products?q=thing")
    second = staff.get(next_of(first))

    pages = [re.findall(r">(Thing \d+)</a>", page.text) for page in (first, second)]
    assert pages == [[f"Thing {nth:02}" for nth in range(50)], ["Thing 50"]]


@pytest.mark.parametrize(
    ("path", "form"),
    [
        (f"{ORDER}/units", {"sku": "LMP-001", "quantity": "1"}),
        (f"{ORDER}/ship", {"surplus": "1"}),
        (PRODUCT, EDIT),
        (f"{PRODUCT}/stock", MOVEMENT),
        ("/staff/jobs/1/retry", {"surplus": "1"}),
    ],
)
def test_no_text_in_any_field_breaks_a_form_of_the_staff(
    staff: FlaskClient, session: Session, paid: str, path: str, form: dict[str, str]
) -> None:
    answers = {
        (field, kind): staff.post(path, data={**form, field: text}).status_code
        for field in [*form, "surplus"]
        for kind, text in EVERY_ODD_TEXT.items()
    }

    assert {what: status for what, status in answers.items() if status not in ANSWERED} == {}


@pytest.mark.parametrize("path", ["/staff/", "/staff/products", "/staff/customers", "/staff/jobs"])
def test_no_text_in_any_query_breaks_a_page_of_the_staff(
    staff: FlaskClient, paid: str, path: str
) -> None:
    answers = {
        (name, kind): staff.get(path, query_string={name: text}).status_code
        for name in ("q", "after", "show", "surplus")
        for kind, text in EVERY_ODD_TEXT.items()
    }

    assert {what: status for what, status in answers.items() if status not in ANSWERED} == {}


def test_no_text_in_any_address_breaks_a_page_of_the_staff(staff: FlaskClient, paid: str) -> None:
    answers = {}
    for kind, text in EVERY_ODD_TEXT.items():
        part = quote(text, safe="") or "%20"
        for page in ("orders", "products"):
            answers[page, kind] = staff.get(f"/staff/{page}/{part}").status_code
        for path in (f"orders/{part}/pack", f"orders/{part}/units", f"products/{part}/stock"):
            form = {"sku": "LMP-001", "quantity": "1"} if path.endswith("units") else {}
            form = MOVEMENT if path.endswith("stock") else form
            answers[path, kind] = staff.post(f"/staff/{path}", data=form).status_code

    assert {what: status for what, status in answers.items() if status != 404} == {}
