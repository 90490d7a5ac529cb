import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from scenarios.kit.meters import count_calls, measure
from shop.models import Customer
from shop.services import accounts
from tests.attacks.filled_in import post_form
from tests.factories import PASSWORD, OrderFactory

KNOWN, UNKNOWN = "ada@example.com", "eve@example.com"
NUMBER, OTHER_NUMBER = "BB-8R1VE-7K5MW", "BB-4H7TN-2Q9KD"
HASHING = (
    "argon2._password_hasher.PasswordHasher.hash",
    "argon2._password_hasher.PasswordHasher.verify",
)
Form = dict[str, str]

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@dataclass(frozen=True)
class Told:
    """What whoever sends a form can learn from its answer, and from how long it takes."""

    status: int
    page: str
    headers: dict[str, str]
    statements: int
    hashings: int


@pytest.fixture
def tell(app: Flask, engine: Engine, session: Session, ada: Customer) -> Callable[..., Told]:
    """Send a form from a new browser, in a store with one account and one order of its customer."""
    OrderFactory.create(number=NUMBER, email=KNOWN)
    accounts._hash_of_nobody()
    # The first request of all reads the schema of the database, and others do not.
    app.test_client().get("/sign-in")

    def send(path: str, form: Form) -> Told:
        browser = app.test_client()
        browser.get(path)
        with measure(engine) as cost, count_calls() as calls:
            answer = post_form(browser, path, form)
        hashings = sum(calls[name] for name in HASHING)
        return Told(
            answer.status_code,
            page_of(answer, form),
            headers_of(answer),
            len(cost.statements),
            hashings,
        )

    return send


def page_of(answer: TestResponse, form: Form) -> str:
    """Return the page without what was typed and without the token of its form."""
    page = re.sub('name="csrf_token" value="[^"]+"', "", answer.text)
    for text in filter(None, form.values()):
        page = page.replace(text, "typed")
    return page


def headers_of(answer: TestResponse) -> dict[str, str]:
    """Return the headers but for those that differ from one answer to the next."""
    varying = ("Set-Cookie", "Content-Length", "X-Request-ID")
    return {name: value for name, value in answer.headers.items() if name not in varying}


def test_a_wrong_password_tells_nobody_who_has_an_account(tell: Callable[..., Told]) -> None:
    known, unknown = (
        tell("/sign-in", {"email": email, "password": "wrong battery", "next": ""})
        for email in (KNOWN, UNKNOWN)
    )

    assert known == unknown
    assert (known.status, known.hashings) == (422, 1)


def test_a_forgotten_password_tells_nobody_who_has_an_account(tell: Callable[..., Told]) -> None:
    known, unknown = (tell("/password/forgot", {"email": email}) for email in (KNOWN, UNKNOWN))

    assert known == unknown
    assert (known.status, known.hashings) == (200, 0)


def test_an_order_is_found_by_neither_half_of_what_one_has_to_know(
    tell: Callable[..., Told],
) -> None:
    pairs = ((NUMBER, UNKNOWN), (OTHER_NUMBER, KNOWN), (OTHER_NUMBER, UNKNOWN))
    answers = [tell("/orders/find", {"number": n, "email": email}) for n, email in pairs]

    assert answers[1:] == answers[:1] * 2
    assert answers[0].status == 404


def test_a_registration_hashes_the_password_before_it_tells_that_the_address_is_taken(
    tell: Callable[..., Told],
) -> None:
    answer = tell("/register", {"name": "Eve", "password": PASSWORD, "next": "", "email": KNOWN})

    assert (answer.status, answer.hashings) == (409, 1)
