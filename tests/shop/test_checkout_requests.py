from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.pages import beside, filled_in, sentence
from shop.clock import utc_now
from shop.gateways.fakes import make_fakes
from shop.gateways.payments import HttpPaymentProvider
from shop.models import Order
from tests.factories import OrderFactory
from tests.shop.leftovers import left


@pytest.mark.parametrize(
    ("name", "comes_back"), [(b"Ada+%FF%ED%A0%80", "Ada %FF%ED%A0%80"), (b"Ada+\xfe", "")]
)
def test_bytes_that_are_no_text_are_stored_by_nobody(
    client: FlaskClient, session: Session, typed: dict[str, str], name: bytes, comes_back: str
) -> None:
    page = client.post(
        "/checkout",
        data=b"email=ada&name=" + name,
        content_type="application/x-www-form-urlencoded",
    )

    assert (page.status_code, left(session)) == (422, (0, 0, 1))
    assert filled_in(page, "name") == comes_back


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "", "nonsense"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_body_that_is_no_form_is_a_form_without_fields(
    client: FlaskClient, typed: dict[str, str], content_type: str
) -> None:
    page = client.post("/checkout", data=b'{"email": "ada@example.com"}', content_type=content_type)

    assert (page.status_code, beside(page, "email")) == (422, "Please fill this in.")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_form_in_parts_is_a_form(client: FlaskClient, typed: dict[str, str]) -> None:
    placed = client.post("/checkout", data=typed, content_type="multipart/form-data")

    assert placed.status_code == 303


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_huge_form_is_refused(
    client: FlaskClient, session: Session, typed: dict[str, str]
) -> None:
    page = client.post("/checkout", data={**typed, "name": "x" * 70_000})

    assert (page.status_code, bool(sentence(page)), left(session)) == (413, True, (0, 0, 1))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_of_a_field_sent_twice_the_first_counts(
    client: FlaskClient, session: Session, typed: dict[str, str]
) -> None:
    client.post("/checkout", data={**typed, "email": ["ada@example.com", "eve@example.com"]})

    assert session.scalars(select(Order.email)).one() == "ada@example.com"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_browser_without_its_session_is_told_that_its_cart_is_empty(
    client: FlaskClient, session: Session, typed: dict[str, str]
) -> None:
    client.delete_cookie("session")

    page = client.post("/checkout", data=typed)

    assert (page.status_code, sentence(page)) == (409, "Your cart is empty.")
    assert left(session) == (0, 0, 1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_token_of_another_shoppers_cart_orders_neither(
    client: FlaskClient, session: Session, typed: dict[str, str]
) -> None:
    stranger = client.application.test_client()
    stranger.post("/products/lamp/add", data={"quantity": "2"})

    page = stranger.post("/checkout", data=typed)

    assert (page.status_code, left(session)) == (409, (0, 0, 2))


def test_a_spent_token_shows_nothing_of_the_order_to_another_browser(
    client: FlaskClient, session: Session, typed: dict[str, str]
) -> None:
    # Who holds the token of a form holds the form: the answer is the order that it became.
    order = OrderFactory.create(checkout_token=typed["checkout_token"])

    placed = client.post("/checkout", data=typed)

    assert (placed.status_code, placed.location) == (303, f"/orders/{order.number}")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_provider_that_does_not_answer_costs_nothing(
    client: FlaskClient, session: Session, typed: dict[str, str]
) -> None:
    silent = HttpPaymentProvider("http://127.0.0.1:9/payments", utc_now, "api key of the tests")
    client.application.extensions["gateways"] = replace(make_fakes(), payments=silent)

    page = client.post("/checkout", data=typed)

    assert (page.status_code, left(session)) == (503, (0, 0, 1))
    assert "Nothing was charged" in sentence(page)
