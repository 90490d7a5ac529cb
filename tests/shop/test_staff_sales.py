import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from scenarios.kit.clock import FixedClock
from scenarios.kit.pages import beside, filled_in
from shop.models import Product
from tests.factories import CustomerFactory
from tests.shop.browsers import sign_in_browser
from tests.shop.odd_texts import NOT_A_NUMBER, NOT_A_TEXT, ODD_TEXTS

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

PRODUCT = "/staff/products/LMP-001"
EDIT = {"name": "Lamp", "price_amount": "1999", "version": "1"}
SALE = {
    "sale_amount": "1499",
    "sale_starts_at": "2026-03-29T08:00",
    "sale_ends_at": "2026-10-25T20:30",
}
LIMIT = {"most_per_buyer": "2", "limit_days": "7"}
FIELDS = [*SALE, *LIMIT]
NO_SALE = dict.fromkeys(SALE)
NO_MOMENT = [
    *("tomorrow", "2026-03-29T25:00", "2026-02-29T08:00", "2026-03-29T08:00+01:00", " "),
    *("0001-01-01T00:00", "1999-12-31T23:59", "3000-01-01T00:00", "9999-12-31T23:59"),
]  # fmt: skip
A_MOMENT = "A day and a time, please, from 2000 to 2999."


@pytest.fixture
def staff(app: Flask, session: Session, lamp: Product) -> FlaskClient:
    """A browser in which somebody of the staff is signed in."""
    return sign_in_browser(app, session, CustomerFactory.create(is_staff=True))


def stored(session: Session) -> dict[str, Any]:
    session.rollback()
    product = session.scalars(select(Product)).one()
    return {name: getattr(product, name) for name in FIELDS}


def test_staff_put_a_product_on_sale_and_limit_it_by_the_clock_of_the_store(
    staff: FlaskClient, session: Session
) -> None:
    answer = staff.post(PRODUCT, data={**EDIT, **SALE, **LIMIT})

    assert answer.status_code == 303
    assert stored(session) == {
        "sale_amount": 1499,
        "sale_starts_at": datetime(2026, 3, 29, 7, 0, tzinfo=UTC),
        "sale_ends_at": datetime(2026, 10, 25, 20, 30, tzinfo=UTC),
        "most_per_buyer": 2,
        "limit_days": 7,
    }
    page = staff.get(PRODUCT)
    assert {name: filled_in(page, name) for name in FIELDS} == {**SALE, **LIMIT}


@on_sqlite
def test_a_sale_opens_on_the_minute_on_the_morning_after_the_clock_change(
    staff: FlaskClient, clock: FixedClock
) -> None:
    staff.post(PRODUCT, data={**EDIT, **SALE})
    clock.moment = datetime(2026, 3, 29, 7, 0, tzinfo=UTC)
    open_page = staff.get("/products/lamp").text
    clock.moment -= timedelta(microseconds=1)

    assert ("£14.99" in open_page, "£14.99" in staff.get("/products/lamp").text) == (True, False)


# In 2026 British clocks go forward on the 29th of March at 1:00 and back on the 25th of October at
# 2:00, both at 1:00 UTC.
@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2026-03-29T00:59", "2026-03-29T00:59"),
        ("2026-03-29T01:00", "2026-03-29T01:00"),
        ("2026-03-29T01:30", "2026-03-29T01:30"),
        ("2026-03-29T02:00", "2026-03-29T01:00"),
        ("2026-10-25T00:59", "2026-10-24T23:59"),
        ("2026-10-25T01:00", "2026-10-25T00:00"),
        ("2026-10-25T01:59", "2026-10-25T00:59"),
        ("2026-10-25T02:00", "2026-10-25T02:00"),
    ],
)
def test_a_time_that_never_comes_is_moved_on_and_one_that_comes_twice_is_the_first(
    staff: FlaskClient, session: Session, local: str, utc: str
) -> None:
    answer = staff.post(
        PRODUCT, data={**EDIT, **SALE, "sale_ends_at": "2026-12-01T00:00", "sale_starts_at": local}
    )

    assert answer.status_code == 303
    assert stored(session)["sale_starts_at"] == datetime.fromisoformat(f"{utc}+00:00")


@on_sqlite
def test_a_time_that_is_skipped_comes_back_as_what_it_has_become(staff: FlaskClient) -> None:
    staff.post(PRODUCT, data={**EDIT, **SALE, "sale_starts_at": "2026-03-29T01:30"})

    assert filled_in(staff.get(PRODUCT), "sale_starts_at") == "2026-03-29T02:30"


@on_sqlite
def test_a_store_elsewhere_has_its_own_clock(
    app: Flask, staff: FlaskClient, session: Session
) -> None:
    settings = app.extensions["settings"]
    app.extensions["settings"] = replace(settings, time_zone=ZoneInfo("Asia/Kolkata"))

    staff.post(PRODUCT, data={**EDIT, **SALE})

    assert stored(session)["sale_starts_at"] == datetime(2026, 3, 29, 2, 30, tzinfo=UTC)
    assert filled_in(staff.get(PRODUCT), "sale_starts_at") == "2026-03-29T08:00"


def test_a_sale_and_a_limit_end_when_their_fields_are_emptied(
    staff: FlaskClient, session: Session
) -> None:
    staff.post(PRODUCT, data={**EDIT, **SALE, **LIMIT})

    staff.post(PRODUCT, data={**EDIT, **dict.fromkeys(FIELDS, ""), "version": "2"})

    assert stored(session) == {**NO_SALE, "most_per_buyer": None, "limit_days": 1}


@on_sqlite
@pytest.mark.parametrize("field", SALE)
def test_of_a_sale_no_part_may_be_missing(staff: FlaskClient, session: Session, field: str) -> None:
    page = staff.post(PRODUCT, data={**EDIT, **SALE, field: ""})
    alone = staff.post(PRODUCT, data={**EDIT, field: SALE[field]})

    assert (page.status_code, beside(page, field)) == (422, "A sale needs this too.")
    assert [beside(alone, name) for name in SALE if name != field] == ["A sale needs this too."] * 2
    assert (alone.status_code, stored(session)["sale_amount"]) == (422, None)


@on_sqlite
@pytest.mark.parametrize(("ends_at", "status"), [("08:00", 422), ("07:59", 422), ("08:01", 303)])
def test_a_sale_ends_after_it_has_started(
    staff: FlaskClient, session: Session, ends_at: str, status: int
) -> None:
    page = staff.post(PRODUCT, data={**EDIT, **SALE, "sale_ends_at": f"2026-03-29T{ends_at}"})

    said = "A sale ends after it has started." if status == 422 else ""
    assert (page.status_code, beside(page, "sale_ends_at")) == (status, said)


@on_sqlite
def test_a_sale_within_the_hour_that_the_clock_skips_has_no_time_to_run(staff: FlaskClient) -> None:
    moments = {"sale_starts_at": "2026-03-29T01:30", "sale_ends_at": "2026-03-29T02:30"}

    page = staff.post(PRODUCT, data={**EDIT, **SALE, **moments})

    assert (page.status_code, bool(beside(page, "sale_ends_at"))) == (422, True)


@on_sqlite
@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("sale_amount", "0", "A whole number from 1 to 10000000, please."),
        ("sale_amount", "14.99", "A whole number from 1 to 10000000, please."),
        ("most_per_buyer", "0", "A whole number from 1 to 99, please."),
        ("limit_days", "0", "A whole number from 1 to 365, please."),
        ("limit_days", "366", "A whole number from 1 to 365, please."),
        *(("sale_starts_at", text, A_MOMENT) for text in NO_MOMENT),
        *(("sale_ends_at", text, A_MOMENT) for text in NO_MOMENT),
    ],
)
def test_what_cannot_be_understood_is_said_beside_the_field_and_kept_there(
    staff: FlaskClient, session: Session, field: str, text: str, said: str
) -> None:
    page = staff.post(PRODUCT, data={**EDIT, **SALE, **LIMIT, field: text})

    assert (page.status_code, beside(page, field), filled_in(page, field)) == (422, said, text)
    assert stored(session)["sale_amount"] is None


def test_no_text_in_the_fields_of_a_sale_or_a_limit_breaks_the_form(staff: FlaskClient) -> None:
    texts = {**NOT_A_TEXT, **ODD_TEXTS, **NOT_A_NUMBER}
    answers = {
        (field, kind): staff.post(PRODUCT, data={**EDIT, **SALE, **LIMIT, field: text}).status_code
        for field in FIELDS
        for kind, text in texts.items()
    }

    assert {what: code for what, code in answers.items() if code not in (303, 409, 422)} == {}


def test_the_second_of_two_edits_sees_the_sale_that_the_first_has_saved(
    staff: FlaskClient, session: Session
) -> None:
    staff.post(PRODUCT, data={**EDIT, **SALE, **LIMIT})
    saved = stored(session)

    page = staff.post(
        PRODUCT, data={**EDIT, **SALE, **LIMIT, "sale_amount": "1299", "limit_days": "9"}
    )

    assert (page.status_code, stored(session)) == (409, saved)
    assert filled_in(page, "sale_amount") == "1299"
    assert re.findall('class="stored-text">([^<]*)<', page.text) == ["1499", "7"]
