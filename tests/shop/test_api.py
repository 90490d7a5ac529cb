import json
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from scenarios.kit.interleaving import interleave
from scenarios.kit.rows import DELIVERY
from scenarios.kit.settings import settings_for
from scenarios.kit.work import run_due_jobs
from shop import create_app
from shop.clock import utc_now
from shop.gateways.fakes import APPROVED, DECLINED, UNANSWERED, make_fakes
from shop.gateways.payments import HttpPaymentProvider
from shop.models import Cart, CartLine, Customer, Order, Product
from shop.services.accounts import hash_token
from shop.worker.loop import Worker
from tests.factories import (
    CartFactory,
    CartLineFactory,
    CountryFactory,
    CouponFactory,
    CustomerFactory,
    GiftCardFactory,
    OrderFactory,
    ProductFactory,
    ShippingRateFactory,
)

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

TOKEN = "the token of Ada's program"
AS_ADA = {"Authorization": f"Bearer {TOKEN}"}
BODY: dict[str, Any] = {
    **DELIVERY,
    "card_number": APPROVED,
    "total_amount": 2873,
    "lines": [{"sku": "LMP-001", "quantity": 1}],
}


NOT_AN_AMOUNT: list[Any] = [True, "2873", 1.9, -1, 10**30, None, [], {}]
NO_LINES: list[Any] = [[], [{}], "x", None, BODY["lines"] * 51]
NOT_A_NAME: list[Any] = [None, 1, "", " ", "\u200b", "a\x00b", "\ud800", "x" * 101]


@pytest.fixture
def ada(session: Session) -> Customer:
    """A customer with a token, in a store with ten lamps that ships to one country."""
    CountryFactory.create()
    ShippingRateFactory.create()
    ProductFactory.create(sku="LMP-001", slug="lamp", name="Lamp", on_hand=10)
    ada: Customer = CustomerFactory.create(api_token_hash=hash_token(TOKEN))
    return ada


def order(client: FlaskClient, key: str = "first", **changes: Any) -> TestResponse:
    headers = {**AS_ADA, "Idempotency-Key": key}
    return client.post("/api/v1/orders", json={**BODY, **changes}, headers=headers)


def problem(answer: TestResponse) -> tuple[int, str]:
    """Return status and code of a refusal, whose body is made like every other's."""
    body = answer.get_json()
    assert (list(body), sorted(body["error"])) == (["error"], ["code", "fields", "message"])
    assert body["error"]["message"]
    return answer.status_code, body["error"]["code"]


def count_orders(session: Session) -> int:
    session.rollback()
    return len(session.scalars(select(Order.id)).all())


def test_a_product_is_shown_with_its_price_in_pence_and_what_is_left(
    client: FlaskClient, ada: Customer
) -> None:
    product = client.get("/api/v1/products/LMP-001").get_json()

    shown = {name: product[name] for name in ("name", "price_amount", "currency", "available")}
    assert shown == {"name": "Lamp", "price_amount": 1999, "currency": "GBP", "available": 10}


def test_an_unknown_product_is_not_found(client: FlaskClient, ada: Customer) -> None:
    assert problem(client.get("/api/v1/products/NOPE")) == (404, "not_found")


def test_the_feed_has_every_product_once_though_one_is_added_between_its_pages(
    client: FlaskClient, session: Session
) -> None:
    first = sorted(ProductFactory.create(name=f"Thing {n:03}").sku for n in range(101))
    seen, after = [], ""
    while after is not None:
        page = client.get("/api/v1/feed", query_string={"after": after}).get_json()
        seen += [product["sku"] for product in page["products"]]
        after = page["next"]
        ProductFactory.create(name=f"Another {len(seen)}")

    assert sorted(set(seen) & set(first)) == first
    assert len(seen) == len(set(seen))


def test_an_order_is_placed_for_the_customer_whose_token_is_shown(
    client: FlaskClient, session: Session, worker: Worker, ada: Customer
) -> None:
    answer = order(client)
    run_due_jobs(worker)

    session.rollback()
    placed = session.scalars(select(Order)).one()
    assert (answer.status_code, answer.get_json()["number"]) == (201, placed.number)
    assert (placed.customer_id, placed.payment_status) == (ada.id, "paid")


def test_an_order_leaves_the_customers_own_cart_alone(
    client: FlaskClient, session: Session, ada: Customer
) -> None:
    cart = CartFactory.create(customer_id=ada.id)
    CartLineFactory.create(cart_id=cart.id, quantity=3)

    order(client)

    session.rollback()
    own = select(CartLine.quantity).join(Cart).where(Cart.customer_id == ada.id)
    assert session.scalars(own).all() == [3]


def test_the_same_key_again_is_the_same_order(
    client: FlaskClient, session: Session, ada: Customer
) -> None:
    numbers = {order(client).get_json()["number"] for _ in range(3)}

    assert (len(numbers), count_orders(session)) == (1, 1)


def test_another_key_or_another_customer_is_another_order(
    client: FlaskClient, session: Session, ada: Customer
) -> None:
    other = CustomerFactory.create(api_token_hash=hash_token("other"))
    order(client)
    order(client, key="second")
    headers = {"Authorization": "Bearer other", "Idempotency-Key": "first"}
    client.post("/api/v1/orders", json=BODY, headers=headers)

    assert count_orders(session) == 3
    assert len(session.scalars(select(Order).where(Order.customer_id == other.id)).all()) == 1


def test_the_same_key_twice_at_once_is_one_order(
    app: Flask, client: FlaskClient, session: Session, ada: Customer
) -> None:
    session.rollback()

    race = interleave(lambda: order(client), lambda: order(app.test_client()))

    answers = [each.result for each in (race.a, race.b) if each.result]
    assert [answer.status_code for answer in answers] == [201, 201]
    numbers = {answer.get_json()["number"] for answer in answers}
    assert (len(numbers), count_orders(session)) == (1, 1)


def test_a_key_whose_order_was_refused_can_be_used_again(
    client: FlaskClient, session: Session, ada: Customer
) -> None:
    order(client, lines=[{"sku": "LMP-001", "quantity": 11}], total_amount=26861)

    assert (order(client).status_code, count_orders(session)) == (201, 1)


def test_lines_of_one_product_count_together(client: FlaskClient, ada: Customer) -> None:
    answer = order(client, lines=BODY["lines"] * 2, total_amount=5272)

    assert [line["quantity"] for line in answer.get_json()["lines"]] == [2]


@pytest.mark.parametrize(
    ("changes", "refusal", "words"),
    [
        ({"lines": [{"sku": "NOPE", "quantity": 1}]}, (404, "not_found"), "product NOPE"),
        (
            {"lines": [{"sku": "LMP-001", "quantity": 11}], "total_amount": 26861},
            (409, "out_of_stock"),
            "Only 10 of Lamp left.",
        ),
        ({"lines": [{"sku": "LMP-001", "quantity": 60}] * 2}, (409, "cart_full"), "at most 99"),
        ({"total_amount": 2872}, (409, "total_changed"), "The total is now £28.73"),
        ({"country_code": "FR"}, (409, "destination_not_served"), "We do not ship there"),
        ({"card_number": "4" * 16}, (409, "card_refused"), "does not accept this card"),
        ({"card_number": ""}, (422, "card_needed"), "There is £28.73 left to pay"),
        ({"coupon_code": "NOPE"}, (409, "coupon_refused"), "we do not know it"),
        ({"gift_card_code": "%"}, (409, "gift_card_refused"), "do not know this gift card"),
    ],
)
def test_an_order_that_cannot_be_placed_says_why_and_leaves_nothing(
    client: FlaskClient,
    session: Session,
    ada: Customer,
    changes: dict[str, Any],
    refusal: tuple[int, str],
    words: str,
) -> None:
    answer = order(client, **changes)

    assert problem(answer) == refusal
    assert words in answer.get_json()["error"]["message"]
    assert count_orders(session) == 0


@on_sqlite
@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("total_amount", wrong) for wrong in NOT_AN_AMOUNT),
        *(("name", wrong) for wrong in NOT_A_NAME),
        *(("lines", wrong) for wrong in NO_LINES),
        *(("lines", [{"sku": "LMP-001", "quantity": n}]) for n in (0, 100, *NOT_AN_AMOUNT[:5])),
        ("email", "ada"),
        ("country_code", "gb"),
        ("card_number", "4242"),
        ("discount", 100),
    ],
)
def test_a_wrong_field_is_refused_by_its_name(
    client: FlaskClient, session: Session, ada: Customer, field: str, value: object
) -> None:
    changes: dict[str, Any] = {field: value}
    answer = order(client, **changes)

    assert problem(answer) == (422, "validation_error")
    assert list(answer.get_json()["error"]["fields"]) == [field]
    assert count_orders(session) == 0


def test_an_order_with_codes_says_what_each_took_off_and_keeps_the_gift_card_secret(
    client: FlaskClient, ada: Customer
) -> None:
    CouponFactory.create()
    GiftCardFactory.create()
    codes = {"coupon_code": "tenth", "gift_card_code": "gift 0000 gift 0000"}

    placed = order(client, total_amount=133, **codes)

    sums = "discount_amount", "tax_amount", "total_amount", "gift_card_amount", "charge_amount"
    body = placed.get_json()
    assert [body[name] for name in sums] == [200, 439, 2633, 2500, 133]
    assert (body["coupon_code"], "GIFT" in placed.text) == ("TENTH", False)


def test_an_order_without_codes_is_charged_its_total(client: FlaskClient, ada: Customer) -> None:
    body = order(client).get_json()

    new = "coupon_code", "discount_amount", "gift_card_amount", "charge_amount"
    assert [body[name] for name in new] == [None, 0, 0, 2873]


def test_an_order_with_nothing_to_charge_needs_no_card_and_is_paid_at_once(
    client: FlaskClient, ada: Customer
) -> None:
    GiftCardFactory.create(amount=5000)

    placed = order(client, total_amount=0, gift_card_code="GIFT0000GIFT0000", card_number="")

    body = placed.get_json()
    assert (body["status"], body["payment_status"], body["charge_amount"]) == (
        *("confirmed", "paid"),
        0,
    )


@on_sqlite
@pytest.mark.parametrize("field", BODY)
def test_a_missing_field_is_refused_by_its_name(
    client: FlaskClient, ada: Customer, field: str
) -> None:
    body = {name: value for name, value in BODY.items() if name != field}

    answer = client.post(
        "/api/v1/orders", json=body, headers={**AS_ADA, "Idempotency-Key": "first"}
    )

    assert (problem(answer)[0], list(answer.get_json()["error"]["fields"])) == (422, [field])


@on_sqlite
@pytest.mark.parametrize("key", [None, "", "x" * 65, "a b", "é"])
def test_an_order_without_a_key_is_refused(
    client: FlaskClient, ada: Customer, key: str | None
) -> None:
    headers = AS_ADA if key is None else {**AS_ADA, "Idempotency-Key": key}

    answer = client.post("/api/v1/orders", json=BODY, headers=headers)

    assert problem(answer)[0] == 422
    assert list(answer.get_json()["error"]["fields"]) == ["Idempotency-Key"]


@on_sqlite
@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{broken", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 10_000, "application/json", 400),
        (b"[]", "application/json", 422),
        (b"null", "application/json", 422),
        (json.dumps(BODY).encode(), "text/plain", 422),
        (b"x" * 70_000, "application/json", 413),
    ],
)
def test_a_body_that_is_no_order_is_refused(
    client: FlaskClient, session: Session, ada: Customer, body: bytes, kind: str, status: int
) -> None:
    headers = {**AS_ADA, "Idempotency-Key": "first"}

    answer = client.post("/api/v1/orders", data=body, content_type=kind, headers=headers)

    assert (problem(answer)[0], count_orders(session)) == (status, 0)


@on_sqlite
@pytest.mark.parametrize("path", ["/api/v1/products", "/api/v1/feed", "/api/v1/orders"])
def test_a_parameter_that_the_document_does_not_know_is_refused(
    client: FlaskClient, ada: Customer, path: str
) -> None:
    answer = client.get(path, query_string={"limit": "100000"}, headers=AS_ADA)

    assert problem(answer) == (422, "validation_error")
    assert answer.get_json()["error"]["fields"] == {"limit": ["Unknown field."]}


@on_sqlite
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_orders_are_shown_to_nobody_without_a_token(
    client: FlaskClient, ada: Customer, headers: dict[str, str], method: str
) -> None:
    answer = client.open("/api/v1/orders", method=method, headers=headers)

    assert problem(answer) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].lower().startswith("bearer")


def test_a_customer_sees_their_own_orders_and_nobody_elses(
    client: FlaskClient, session: Session, ada: Customer
) -> None:
    product = session.scalars(select(Product)).one()
    own = OrderFactory.create(customer_id=ada.id, product=product).number
    other = OrderFactory.create(customer_id=CustomerFactory.create().id, product=product).number

    listed = client.get("/api/v1/orders", headers=AS_ADA).get_json()["orders"]
    found, refused = (
        client.get(f"/api/v1/orders/{number}", headers=AS_ADA) for number in (own, other)
    )

    assert [each["number"] for each in listed] == [own]
    assert (found.get_json()["number"], problem(refused)) == (own, (404, "not_found"))


@on_sqlite
def test_a_provider_that_is_away_is_told_and_nothing_is_placed(
    database_url: str, session: Session, ada: Customer
) -> None:
    nobody = HttpPaymentProvider("http://127.0.0.1:9/payments", utc_now, "key")
    outside = replace(make_fakes(), payments=nobody)
    app = create_app(settings_for(database_url), gateways=outside)

    answer = order(app.test_client())

    app.extensions["sessions"].kw["bind"].dispose()
    nobody._service._client.close()
    assert problem(answer) == (503, "gateway_unavailable")
    assert count_orders(session) == 0


@on_sqlite
@pytest.mark.parametrize("card", [DECLINED, UNANSWERED])
def test_what_becomes_of_a_card_is_seen_in_the_order(
    client: FlaskClient, worker: Worker, ada: Customer, card: str
) -> None:
    number = order(client, card_number=card).get_json()["number"]

    run_due_jobs(worker)

    status = client.get(f"/api/v1/orders/{number}", headers=AS_ADA).get_json()["payment_status"]
    assert status == {DECLINED: "declined", UNANSWERED: "pending"}[card]


@on_sqlite
def test_a_wrong_method_is_refused_with_the_right_ones(client: FlaskClient, ada: Customer) -> None:
    answer = client.delete("/api/v1/products/LMP-001")

    assert problem(answer)[0] == 405
    assert set(answer.allow) == {"GET", "HEAD", "OPTIONS"}


def test_a_repeated_key_is_the_order_whatever_else_is_sent(
    client: FlaskClient, session: Session, ada: Customer
) -> None:
    placed = order(client)
    again = order(client, lines=[{"sku": "NOPE", "quantity": 1}])

    session.rollback()
    assert (again.status_code, again.get_json()) == (201, placed.get_json())
    assert session.scalars(select(CartLine.id)).all() == []


@on_sqlite
def test_a_number_that_is_too_long_to_be_read_is_refused(
    client: FlaskClient, ada: Customer
) -> None:
    body = json.dumps(BODY).replace("2873", "1" + "0" * 5_000)
    headers = {**AS_ADA, "Idempotency-Key": "first"}

    answer = client.post(
        "/api/v1/orders", data=body, content_type="application/json", headers=headers
    )

    assert problem(answer)[0] == 400
