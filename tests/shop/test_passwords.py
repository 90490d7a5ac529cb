import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_limiter import Limiter
from limits.storage import MemoryStorage
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from scenarios.kit.clock import FixedClock
from scenarios.kit.pages import beside, filled_in, sentence
from scenarios.kit.work import run_due_jobs
from shop.gateways.fakes import FakeMailer
from shop.models import Customer, Job
from shop.services.accounts import LINK_LASTS
from shop.web.auth import limiter
from shop.worker.loop import Worker
from tests.factories import PASSWORD, CartFactory, CustomerFactory
from tests.shop.browsers import is_in, sign_in

NEW = "another horse battery"
USED = "This link has been used or is too old. Ask for a new one."
TOO_MANY = "Those were too many tries. Please wait a minute, then try again."
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def brake(app: Flask) -> Iterator[Limiter]:
    """The brake on guessing, which the other tests go without, with nothing counted yet."""
    app.config["RATELIMIT_ENABLED"] = True
    limiter.init_app(app)
    yield limiter
    limiter.enabled = False


def let_a_minute_pass(brake: Limiter) -> None:
    # The brake reads the system's own clock, so its minutes are ended rather than waited for.
    assert isinstance(brake.storage, MemoryStorage)
    for key in brake.storage.expirations:
        brake.storage.expirations[key] -= 60


def ask_for_link(client: FlaskClient, email: str = "ada@example.com") -> TestResponse:
    return client.post("/password/forgot", data={"email": email})


def mailed_token(client: FlaskClient, worker: Worker, mailer: FakeMailer) -> str:
    """Ask for a link and return the token in the mail that comes."""
    ask_for_link(client)
    run_due_jobs(worker)
    return tokens(mailer)[-1]


def tokens(mailer: FakeMailer) -> list[str]:
    link = r"http://store\.test/password/reset\?token=(\S+)"
    return [found for mail in mailer.sent for found in re.findall(link, mail.get_content())]


def reset(client: FlaskClient, token: str, password: str = NEW) -> TestResponse:
    return client.post("/password/reset", data={"token": token, "password": password})


def change(client: FlaskClient, current: str = PASSWORD, new: str = NEW) -> TestResponse:
    form = {"current_password": current, "new_password": new}
    return client.post("/account/password", data=form)


def without_form_token(page: TestResponse) -> str:
    return re.sub('name="csrf_token" value="[^"]+"', "", page.text)


def test_a_changed_password_signs_out_every_browser_but_this_one(
    app: Flask, client: FlaskClient, ada: Customer
) -> None:
    other = app.test_client()
    sign_in(client)
    sign_in(other)

    changed = change(client)

    assert (changed.status_code, is_in(client), is_in(other)) == (303, True, False)


@on_sqlite
def test_only_the_changed_password_lets_somebody_in(
    app: Flask, client: FlaskClient, ada: Customer
) -> None:
    sign_in(client)
    change(client)

    answers = [sign_in(app.test_client(), password=each).status_code for each in (PASSWORD, NEW)]

    assert answers == [422, 303]


@on_sqlite
def test_a_changed_password_ends_the_link_that_was_mailed(
    client: FlaskClient, ada: Customer, worker: Worker, mailer: FakeMailer
) -> None:
    token = mailed_token(client, worker, mailer)
    sign_in(client)
    change(client)

    assert (reset(client, token, "yet another one").status_code, is_in(client)) == (410, True)


@on_sqlite
@pytest.mark.parametrize(
    ("current", "new", "said"),
    [
        ("wrong battery", NEW, "This email address and this password do not belong together."),
        ("", NEW, "A password has 1 to 200 characters."),
        (PASSWORD, "too short", "A password has 10 to 200 characters."),
    ],
)
def test_a_password_that_may_not_be_changed_stays_and_is_not_shown(
    app: Flask, client: FlaskClient, ada: Customer, current: str, new: str, said: str
) -> None:
    sign_in(client)

    page = change(client, current, new)

    assert (page.status_code, sentence(page)) == (422, said)
    assert [each for each in (current, new) if each and f'"{each}"' in page.text] == []
    assert sign_in(app.test_client()).status_code == 303


def test_the_link_sets_a_new_password_and_signs_every_browser_out(
    app: Flask, client: FlaskClient, ada: Customer, worker: Worker, mailer: FakeMailer
) -> None:
    sign_in(client)
    token = mailed_token(client, worker, mailer)

    answer = reset(app.test_client(), token)

    assert (answer.status_code, answer.location, is_in(client)) == (303, "/sign-in", False)
    assert [sign_in(client, password=each).status_code for each in (PASSWORD, NEW)] == [422, 303]


@on_sqlite
def test_the_link_leads_to_a_form_that_holds_its_token(
    client: FlaskClient, ada: Customer, worker: Worker, mailer: FakeMailer
) -> None:
    token = mailed_token(client, worker, mailer)

    page = client.get("/password/reset", query_string={"token": token})

    assert f'name="token" value="{token}"' in page.text


def test_a_link_works_once(
    client: FlaskClient, ada: Customer, worker: Worker, mailer: FakeMailer
) -> None:
    token = mailed_token(client, worker, mailer)
    reset(client, token)

    page = reset(client, token, "yet another one")

    assert (page.status_code, sentence(page)) == (410, USED)
    assert sign_in(client, password=NEW).status_code == 303


@pytest.mark.parametrize(("seconds", "status"), [(3_599, 303), (3_600, 410)])
def test_a_link_works_for_an_hour(
    client: FlaskClient,
    ada: Customer,
    worker: Worker,
    mailer: FakeMailer,
    clock: FixedClock,
    seconds: int,
    status: int,
) -> None:
    token = mailed_token(client, worker, mailer)

    clock.advance(seconds)

    assert (timedelta(hours=1), reset(client, token).status_code) == (LINK_LASTS, status)


def test_only_the_last_link_works(
    client: FlaskClient, ada: Customer, worker: Worker, mailer: FakeMailer, clock: FixedClock
) -> None:
    first = mailed_token(client, worker, mailer)
    clock.advance(60)
    last = mailed_token(client, worker, mailer)

    answers = [reset(client, token).status_code for token in (first, last)]

    assert answers == [410, 303]


@on_sqlite
def test_a_button_pressed_again_within_the_minute_sends_one_mail(
    client: FlaskClient, ada: Customer, worker: Worker, mailer: FakeMailer
) -> None:
    for _ in range(3):
        ask_for_link(client)

    run_due_jobs(worker)

    assert len(mailer.sent) == 1


@on_sqlite
@pytest.mark.parametrize("token", ["made up", "x" * 40, "' OR 1=1 --", "None"])
def test_a_made_up_token_sets_no_password(client: FlaskClient, ada: Customer, token: str) -> None:
    page = reset(client, token)

    assert (page.status_code, sentence(page)) == (410, USED)
    assert sign_in(client).status_code == 303


@on_sqlite
@pytest.mark.parametrize("token", ["", "x" * 41, "a\x00b"])
def test_what_is_no_token_sets_no_password(client: FlaskClient, ada: Customer, token: str) -> None:
    assert (reset(client, token).status_code, sign_in(client).status_code) == (422, 303)


@on_sqlite
def test_a_new_password_that_is_too_short_leaves_the_link_as_it_is(
    client: FlaskClient, ada: Customer, worker: Worker, mailer: FakeMailer
) -> None:
    token = mailed_token(client, worker, mailer)

    page = reset(client, token, "too short")

    assert (page.status_code, bool(beside(page, "password"))) == (422, True)
    assert ("too short" in page.text, f'value="{token}"' in page.text) == (False, True)
    assert reset(client, token).status_code == 303


@on_sqlite
def test_asking_for_a_link_tells_nobody_who_has_an_account(
    app: Flask, session: Session, ada: Customer
) -> None:
    known = ask_for_link(app.test_client(), "ada@example.com")
    unknown = ask_for_link(app.test_client(), "nobody@example.com")

    assert known.status_code == unknown.status_code == 200
    assert without_form_token(known) == without_form_token(unknown)
    jobs = session.scalars(select(Job).order_by(Job.id)).all()
    assert {job.kind for job in jobs} == {"send_password_reset"}
    numbers = [job.payload["customer_id"] for job in jobs]
    assert (len(numbers), numbers[0], numbers[1] < 0) == (2, ada.id, True)


@on_sqlite
@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        ("ada@example.com", "ADA@EXAMPLE.COM"),
        ("Kate@example.com", "\N{KELVIN SIGN}ate@example.com"),
        ("ka\N{LATIN SMALL LETTER LONG S}@example.com", "kas@example.com"),
        ("stra\N{LATIN SMALL LETTER SHARP S}e@example.com", "strasse@example.com"),
        ("strasse@example.com", "stra\N{LATIN CAPITAL LETTER SHARP S}e@example.com"),
    ],
)
def test_the_mail_goes_to_the_address_that_the_account_has(
    client: FlaskClient,
    session: Session,
    worker: Worker,
    mailer: FakeMailer,
    stored: str,
    typed: str,
) -> None:
    CustomerFactory.create(email=stored)

    ask_for_link(client, typed)

    run_due_jobs(worker)
    assert [mail["To"] for mail in mailer.sent] == [stored]


@on_sqlite
@pytest.mark.parametrize(
    "typed",
    [
        "d\N{LATIN SMALL LETTER DOTLESS I}na@example.com",
        "D\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}NA@example.com",
        "dina@example.co",
        "dina+news@example.com",
        "dina@example.com, eve@evil.example",
        "dina@example.com\nBcc: eve@evil.example",
        "<dina@example.com>",
    ],
)
def test_an_address_that_is_only_like_it_gets_no_mail(
    client: FlaskClient, session: Session, worker: Worker, mailer: FakeMailer, typed: str
) -> None:
    CustomerFactory.create(email="dina@example.com")

    ask_for_link(client, typed)

    run_due_jobs(worker)
    assert mailer.sent == []
    assert session.scalars(select(Job).where(Job.done_at.is_(None))).all() == []


@on_sqlite
def test_no_token_stands_in_the_database(
    client: FlaskClient, session: Session, ada: Customer, worker: Worker, mailer: FakeMailer
) -> None:
    token = mailed_token(client, worker, mailer)

    kept = [*session.execute(Customer.__table__.select()), *session.execute(Job.__table__.select())]

    assert token not in repr(kept)


@on_sqlite
def test_a_question_that_is_no_address_comes_back_as_it_was_typed(client: FlaskClient) -> None:
    page = ask_for_link(client, "ada at example")

    assert (page.status_code, filled_in(page, "email")) == (422, "ada at example")
    assert sentence(page) == "This is not an email address."


@on_sqlite
def test_after_five_wrong_guesses_not_even_the_right_password_is_tried(
    client: FlaskClient, ada: Customer, brake: Limiter
) -> None:
    guesses = [sign_in(client, password=f"guess {nth}").status_code for nth in range(5)]

    page = sign_in(client)

    assert (guesses, page.status_code, is_in(client)) == ([422] * 5, 429, False)
    assert sentence(page) == TOO_MANY


@on_sqlite
def test_a_minute_later_the_right_password_lets_somebody_in(
    client: FlaskClient, ada: Customer, brake: Limiter
) -> None:
    for nth in range(6):
        sign_in(client, password=f"guess {nth}")

    let_a_minute_pass(brake)

    assert (sign_in(client).status_code, is_in(client)) == (303, True)


@on_sqlite
def test_guesses_are_counted_however_the_address_is_spelled(
    client: FlaskClient, ada: Customer, brake: Limiter
) -> None:
    for email in ("ada@example.com", "ADA@example.com", " Ada@Example.com", "aDa@example.com "):
        sign_in(client, email, password="guess")
    sign_in(client, password="guess")

    assert sign_in(client).status_code == 429


@on_sqlite
def test_guesses_at_one_account_lock_neither_another_nor_another_address(
    client: FlaskClient, ada: Customer, brake: Limiter
) -> None:
    CartFactory.create(customer_id=CustomerFactory.create(email="eve@example.com").id)
    for nth in range(6):
        sign_in(client, password=f"guess {nth}")

    another_account = sign_in(client, "eve@example.com")
    form = {"email": "ada@example.com", "password": PASSWORD}
    elsewhere = client.post("/sign-in", data=form, environ_base={"REMOTE_ADDR": "203.0.113.9"})

    assert (another_account.status_code, elsewhere.status_code) == (303, 303)


@on_sqlite
def test_right_passwords_are_not_counted(
    client: FlaskClient, ada: Customer, brake: Limiter
) -> None:
    assert [sign_in(client).status_code for _ in range(6)] == [303] * 6


@on_sqlite
@pytest.mark.parametrize(
    ("path", "tries"),
    [("/sign-in", 30), ("/register", 20), ("/password/forgot", 20), ("/account/password", 10)],
)
def test_no_address_sends_a_form_without_end(
    client: FlaskClient, ada: Customer, brake: Limiter, path: str, tries: int
) -> None:
    sign_in(client)
    let_a_minute_pass(brake)

    forms = [{"email": f"guess-{nth}", "new_password": "short"} for nth in range(tries + 1)]
    answers = [client.post(path, data=form).status_code for form in forms]

    assert answers == [422] * tries + [429]
