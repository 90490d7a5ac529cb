from unicodedata import normalize

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markupsafe import escape
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.pages import beside, filled_in, sentence
from scenarios.kit.work import run_due_jobs
from shop.gateways.fakes import FakeMailer
from shop.models import Order
from shop.worker.loop import Worker
from tests.shop.leftovers import left
from tests.shop.odd_texts import NOT_A_NUMBER, NOT_A_TEXT, ODD_TEXTS

LONGEST = {"name": 100, "address": 200, "city": 100, "postcode": 20}
NEEDED = ("email", *LONGEST, "country_code", "shipping_method", "checkout_token")
TEXTS = (*NEEDED, "card_number", "coupon_code", "gift_card_code")


@pytest.mark.parametrize("field", [*NEEDED, "card_number"])
def test_a_field_without_a_text_is_refused_and_the_cart_is_kept(
    client: FlaskClient, session: Session, typed: dict[str, str], field: str
) -> None:
    answers = {
        kind: client.post("/checkout", data={**typed, field: text}).status_code
        for kind, text in NOT_A_TEXT.items()
    }

    assert answers == dict.fromkeys(NOT_A_TEXT, 422)
    assert left(session) == (0, 0, 1)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        *((field, "Please fill this in.") for field in NEEDED),
        ("card_number", "There is £28.73 left to pay, so we need a card number."),
        ("total_shown", "A whole number from 0 to 1000000000, please."),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_missing_field_is_refused_in_a_sentence(
    client: FlaskClient, typed: dict[str, str], field: str, message: str
) -> None:
    del typed[field]

    page = client.post("/checkout", data=typed)

    assert (page.status_code, sentence(page)) == (422, message)


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("email", "ada", "This is not an email address."),
        ("email", "ada@example.com, bob@example.com", "This is not an email address."),
        # In the head of a mail these mean a,@x.example, a new line, and no mailbox at all.
        ("email", "=?utf-8?q?a=2c?=@x.example", "This is not an email address."),
        ("email", "=?utf-8?q?=0a?=@a.example", "This is not an email address."),
        ("email", '""@a.example', "This is not an email address."),
        ("email", "a" * 250 + "@example.com", "At most 254 characters, please."),
        ("email", "ß" * 200 + "@example.com", "At most 254 characters, please."),
        ("name", "x" * 101, "At most 100 characters, please."),
        ("address", "x" * 201, "At most 200 characters, please."),
        ("city", "🦊" * 101, "At most 100 characters, please."),
        ("postcode", "x" * 21, "At most 20 characters, please."),
        ("name", "a\x00b", "This holds a character that cannot be printed."),
        ("coupon_code", "x" * 41, "At most 40 characters, please."),
        ("gift_card_code", "a\x00b", "This holds a character that cannot be printed."),
        ("card_number", "", "There is £28.73 left to pay, so we need a card number."),
        ("card_number", "4242", "A card number has 12 to 19 digits."),
        ("card_number", "4" * 20, "A card number has 12 to 19 digits."),
        ("card_number", "4242x4242x4242x4242", "A card number has 12 to 19 digits."),
        ("card_number", "\uff14" * 16, "A card number has 12 to 19 digits."),
        ("card_number", "²" * 16, "A card number has 12 to 19 digits."),
    ],
)
def test_a_mistake_is_explained_beside_its_field_with_what_was_typed(
    client: FlaskClient, typed: dict[str, str], field: str, text: str, message: str
) -> None:
    page = client.post("/checkout", data={**typed, field: text})

    assert (page.status_code, beside(page, field)) == (422, message)
    assert filled_in(page, field) == text


def test_a_card_that_the_provider_does_not_know_is_told_beside_its_field(
    client: FlaskClient, typed: dict[str, str]
) -> None:
    page = client.post("/checkout", data={**typed, "card_number": "4" * 16})

    told = "The payment provider does not accept this card number."
    assert (page.status_code, beside(page, "card_number")) == (409, told)
    assert filled_in(page, "card_number") == "4" * 16


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"total_shown": "1"}, 409, "The total is now £28.73, not £0.01."),
        ({"total_shown": "1000000000"}, 409, "The total is now £28.73"),
        ({"total_shown": "1000000001"}, 422, "from 0 to 1000000000"),
        ({"country_code": "FR"}, 409, "We do not ship there that way."),
        ({"country_code": "gb"}, 422, "We do not ship there that way."),
        ({"country_code": "GBR"}, 422, ""),
        ({"country_code": "G"}, 422, ""),
        ({"shipping_method": "teleport"}, 409, "We do not ship there that way."),
        ({"checkout_token": "made up"}, 409, "This page was out of date and has been renewed."),
        ({"discount": "100"}, 422, "Unknown field."),
        ({"card_number": "4000000000000119", "total_shown": "1"}, 409, "The total is now"),
    ],
)
def test_a_form_that_cannot_be_ordered_says_why_and_keeps_the_cart(
    client: FlaskClient,
    session: Session,
    typed: dict[str, str],
    changes: dict[str, str],
    status: int,
    message: str,
) -> None:
    page = client.post("/checkout", data={**typed, **changes})

    assert (page.status_code, message in sentence(page)) == (status, True), sentence(page)
    assert left(session) == (0, 0, 1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_total_that_is_not_a_number_is_refused(
    client: FlaskClient, session: Session, typed: dict[str, str]
) -> None:
    answers = {
        kind: client.post("/checkout", data={**typed, "total_shown": text}).status_code
        for kind, text in NOT_A_NUMBER.items()
    }

    assert answers == dict.fromkeys(NOT_A_NUMBER, 422)
    assert left(session) == (0, 0, 1)


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS)
def test_an_odd_text_is_stored_mailed_and_shown_as_it_was_typed(
    client: FlaskClient,
    session: Session,
    worker: Worker,
    mailer: FakeMailer,
    typed: dict[str, str],
    text: str,
) -> None:
    placed = client.post("/checkout", data={**typed, "name": text, "city": text, "address": text})
    run_due_jobs(worker)
    page = client.get(placed.location)

    stored, composed = session.scalars(select(Order.name)).one(), normalize("NFC", text)
    assert (stored, len(mailer.sent)) == (composed, 1)
    assert (str(escape(composed)) in page.text, "<script>alert" in page.text) == (True, False)


@pytest.mark.parametrize(("field", "length"), LONGEST.items())
def test_a_text_of_just_the_longest_length_is_taken(
    client: FlaskClient, session: Session, typed: dict[str, str], field: str, length: int
) -> None:
    client.post("/checkout", data={**typed, field: "🦊" * length})

    assert session.scalars(select(getattr(Order, field))).one() == "🦊" * length


any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@settings(
    derandomize=True,
    deadline=None,
    max_examples=40,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(changes=st.dictionaries(st.sampled_from([*TEXTS, "total_shown", "extra"]), any_text))
def test_whatever_is_typed_is_answered(
    client: FlaskClient, typed: dict[str, str], changes: dict[str, str]
) -> None:
    page = client.post("/checkout", data={**typed, "total_shown": "1", **changes})

    assert (page.status_code in (409, 422), bool(sentence(page))) == (True, True)
