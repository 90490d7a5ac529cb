import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from scenarios.kit.pages import beside, filled_in, sentence
from tests.factories import OrderFactory
from tests.shop.odd_texts import NOT_A_TEXT

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.mark.parametrize("field", ["number", "email"])
def test_a_search_for_an_order_without_a_text_is_refused(client: FlaskClient, field: str) -> None:
    form = {"number": "BB-7K3MQ-9XT2W", "email": "ada@example.com"}
    answers = {
        kind: client.post("/orders/find", data={**form, field: text}).status_code
        for kind, text in NOT_A_TEXT.items()
    }

    assert answers == dict.fromkeys(NOT_A_TEXT, 422)


@pytest.mark.parametrize(
    ("number", "email"),
    [
        ("BB-00000-00000", "ada@example.com"),
        ("BB-7K3MQ-9XT2W", "eve@example.com"),
        ("BB-7K3MQ-9XT2%", "ada@example.com"),
        ("BB-7K3MQ-9XT2_", "ada@example.com"),
        ("BB-7K3MQ-9XT2W", "ada@example.co"),
        ("' OR 1=1 --", "ada@example.com"),
        ("שרה 🦊", "ada@example.com"),
    ],
)
def test_number_and_email_that_do_not_belong_together_find_nothing(
    client: FlaskClient, session: Session, number: str, email: str
) -> None:
    OrderFactory.create(number="BB-7K3MQ-9XT2W")

    page = client.post("/orders/find", data={"number": number, "email": email})

    assert (page.status_code, filled_in(page, "number")) == (404, number)
    assert sentence(page) == "We have no such order with this number and email."


@pytest.mark.parametrize(
    ("number", "email"),
    [("BB-7K3MQ-9XT2W", "ada@example.com"), (" bb-7k3mq-9xt2w ", " ADA@Example.com")],
)
def test_number_and_email_find_the_order_however_they_are_spelled(
    client: FlaskClient, session: Session, number: str, email: str
) -> None:
    OrderFactory.create(number="BB-7K3MQ-9XT2W")

    found = client.post("/orders/find", data={"number": number, "email": email})

    assert client.get(found.location).status_code == 200


@on_sqlite
@pytest.mark.parametrize("session_cookie", ["", "nonsense", "eyJvcmRlcnMiOlsiQkIiXX0.x.y", "\x7f"])
def test_a_forged_session_shows_no_order(
    client: FlaskClient, session: Session, session_cookie: str
) -> None:
    number = OrderFactory.create().number
    client.set_cookie("session", session_cookie)

    page = client.get(f"/orders/{number}")

    assert (page.status_code, "Ada Lovelace" in page.text) == (404, False)


@on_sqlite
def test_an_empty_search_for_an_order_marks_both_fields(client: FlaskClient) -> None:
    page = client.post("/orders/find", data={})

    assert (beside(page, "number"), beside(page, "email")) == ("Please fill this in.",) * 2
