import io

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests.attacks.forms import form_addresses, form_fields
from tests.factories import CustomerFactory
from tests.shop.browsers import sign_in_browser

NAME = 'a"><script>alert(1)</script>.txt'

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def with_file(field: str) -> dict[str, object]:
    return {field: (io.BytesIO(b"\xff\x00<b>"), NAME)}


@pytest.fixture
def browser(app: Flask, session: Session, typed: dict[str, str]) -> FlaskClient:
    """A member of staff's, with a lamp in the cart; a bug is answered, as in the real store."""
    app.testing = False
    staff = sign_in_browser(app, session, CustomerFactory.create(is_staff=True))
    staff.post("/products/lamp/add", data={"quantity": "1"})
    return staff


def test_a_file_in_place_of_any_text_of_any_form_is_answered_and_never_run(
    app: Flask, browser: FlaskClient, typed: dict[str, str]
) -> None:
    wrong = {}
    for path in form_addresses(app):
        for field in form_fields():
            own = with_file(field)
            page = browser.post(path, data={**typed, **own}, content_type="multipart/form-data")
            if page.status_code >= 500 or "<script>alert(1)" in page.text:
                wrong[path, field] = page.status_code

    assert wrong == {}


def test_the_walk_reaches_every_kind_of_form(app: Flask) -> None:
    assert {"/checkout/quote", "/staff/import", "/account/reviews/lamp"} < {*form_addresses(app)}
    assert {"card_number", "picture_url", "file", "stars", "token"} < {*form_fields()}


def test_a_form_of_ten_thousand_fields_is_answered(app: Flask, browser: FlaskClient) -> None:
    body = "&".join(f"a{nth}=" for nth in range(10_000))

    answers = {
        path: browser.post(
            path, data=body, content_type="application/x-www-form-urlencoded"
        ).status_code
        for path in form_addresses(app)
    }

    assert {path: status for path, status in answers.items() if status >= 500} == {}
