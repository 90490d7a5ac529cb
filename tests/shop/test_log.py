import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from structlog.stdlib import ProcessorFormatter

from scenarios.kit.clock import START, FixedClock
from scenarios.kit.pages import sentence
from scenarios.kit.work import run_due_jobs
from shop.db import make_engine, transaction
from shop.gateways.fakes import UNANSWERED
from shop.models import Customer, Job, Product
from shop.services.jobs import enqueue
from shop.worker.loop import Worker
from tests.factories import LISTED_AT, OrderFactory

# Nothing that begins like this may stand in any log.
MARK = "MARKED"
CARD = "4242424242424242"
INSIDE = [
    "traceback", "sqlalchemy", "sqlite", "psycopg", "select ", "insert ", "no such table", ".py",
    "werkzeug", "jinja", "/shop/", "line ",
]  # fmt: skip
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def log(app: Flask) -> Iterator[io.StringIO]:
    """What the store's own handler writes."""
    handlers = logging.getLogger("shop").handlers
    [own] = [each for each in handlers if isinstance(each.formatter, ProcessorFormatter)]
    assert isinstance(own, logging.StreamHandler)
    written = io.StringIO()
    before = own.setStream(written)
    yield written
    own.setStream(before)


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def break_tables(session: Session, *names: str) -> None:
    """Take tables away, so that what needs them fails as a bug does."""
    for name in names:
        session.execute(text(f"ALTER TABLE {name} RENAME TO {name}_gone"))
    session.commit()


def everything(caplog: pytest.LogCaptureFixture, log: io.StringIO) -> str:
    """Return all that any logger was given, with every detail, and all that was written."""
    given = [f"{vars(record)} {logging.Formatter().format(record)}" for record in caplog.records]
    return "\n".join([*given, log.getvalue()])


@on_sqlite
def test_each_request_is_one_line_of_json(client: FlaskClient, log: io.StringIO) -> None:
    client.get("/?q=lamp")
    client.post("/cart/lines/NOPE", data={"quantity": "x"})
    client.get("/api/v1/orders")
    client.get("/static/store.css", buffered=True)
    client.get('/nope%0A{"event": "forged"}')
    client.delete("/cart")

    told = [(line["method"], line["path"], line["status"]) for line in lines(log)]
    assert told == [
        ("GET", "/", 200),
        ("POST", "/cart/lines/NOPE", 422),
        ("GET", "/api/v1/orders", 401),
        ("GET", "/static/store.css", 200),
        ("GET", '/nope\n{"event": "forged"}', 404),
        ("DELETE", "/cart", 405),
    ]
    assert {line["event"] for line in lines(log)} == {"request"}
    assert all(line["milliseconds"] >= 0 and line["timestamp"] for line in lines(log))


@on_sqlite
@pytest.mark.parametrize("path", ["/", "/nope", "/api/v1/orders", "/static/store.css"])
def test_an_answer_and_its_line_have_an_id_of_their_own(
    client: FlaskClient, log: io.StringIO, path: str
) -> None:
    answers = [client.get(path, buffered=True) for _ in range(2)]

    ids = [answer.headers["X-Request-ID"] for answer in answers]
    assert [line["request_id"] for line in lines(log)] == ids
    assert (len(set(ids)), all(ids)) == (2, True)


@on_sqlite
def test_the_browser_cannot_choose_the_id(client: FlaskClient, log: io.StringIO) -> None:
    answer = client.get("/", headers={"X-Request-ID": MARK})

    assert (answer.headers["X-Request-ID"] == MARK, MARK in log.getvalue()) == (False, False)


@on_sqlite
def test_a_bug_is_logged_with_its_traceback_under_the_id_that_its_page_names(
    client: FlaskClient, session: Session, log: io.StringIO
) -> None:
    break_tables(session, "product")

    page = client.get("/")

    bug, request = lines(log)
    assert (page.status_code, request["status"], bug["level"]) == (500, 500, "error")
    assert bug["request_id"] == request["request_id"] == page.headers["X-Request-ID"]
    assert sentence(page).endswith(f"Our reference is {bug['request_id']}.")
    assert "no such table: product" in bug["exception"]


@on_sqlite
@pytest.mark.parametrize(
    ("method", "path", "broken", "form"),
    [
        ("POST", "/sign-in", "customer", {"email": f"{MARK}@a.example", "password": MARK}),
        (
            "POST",
            "/register",
            "customer",
            {"email": f"{MARK}@a.example", "name": MARK, "password": f"{MARK} {MARK}"},
        ),
        ("POST", "/password/forgot", "customer", {"email": f"{MARK}@a.example"}),
        ("POST", "/password/reset", "customer", {"token": MARK, "password": f"{MARK} {MARK}"}),
        ("POST", "/orders/find", "orders", {"number": MARK, "email": f"{MARK}@a.example"}),
        ("GET", "/", "product", {}),
        ("GET", "/api/v1/orders", "customer", {}),
        ("GET", f"/api/v1/orders/{CARD}", "customer", {}),
    ],
)
def test_a_bug_tells_the_log_and_the_page_nothing_of_what_was_sent(
    client: FlaskClient,
    session: Session,
    log: io.StringIO,
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    broken: str,
    form: dict[str, str],
) -> None:
    caplog.set_level(logging.DEBUG)
    break_tables(session, broken)
    client.set_cookie("note", MARK)
    with client.session_transaction() as kept:
        kept.update({"cart": MARK, "orders": [MARK]})
    # An address may be logged, and a query not.
    secrets = [MARK] if CARD in path else [MARK, CARD]
    headers = {"Authorization": f"Bearer {MARK}", "User-Agent": MARK, "X-Note": MARK}
    query = {"token": MARK, "card": CARD} if path != "/" else {"q": MARK, "card": CARD}

    answer = client.open(path, method=method, query_string=query, data=form, headers=headers)

    logged = everything(caplog, log)
    assert (answer.status_code, "no such table" in logged) == (500, True)
    assert [each for each in secrets if each in logged or each in answer.text] == []
    assert [word for word in INSIDE if word in answer.text.lower()] == []


@on_sqlite
@pytest.mark.parametrize("broken", ["payment", "order_history", "cart_line"])
def test_an_order_that_fails_tells_the_log_nothing_of_card_and_address(
    client: FlaskClient,
    session: Session,
    typed: dict[str, str],
    log: io.StringIO,
    caplog: pytest.LogCaptureFixture,
    broken: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    break_tables(session, broken)

    page = client.post("/checkout", data={**typed, "address": f"{MARK} Road"})

    logged = everything(caplog, log)
    secrets = [CARD, MARK, "Ada", typed["email"], typed["checkout_token"]]
    assert (page.status_code, "no such table" in logged) == (500, True)
    assert [each for each in secrets if each in logged] == []


@on_sqlite
def test_a_sign_in_that_fails_does_not_log_its_token(
    client: FlaskClient, session: Session, log: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    with client.session_transaction() as kept:
        kept["_user_id"] = MARK
    break_tables(session, "sign_in")

    page = client.get("/account/")

    assert (page.status_code, MARK in everything(caplog, log)) == (500, False)


def test_an_error_of_the_database_names_no_value(app: Flask, session: Session) -> None:
    url = app.extensions["settings"].database_url
    engine = make_engine(url)
    values = {"email": MARK, "folded_email": MARK, "password_hash": MARK, "created_at": LISTED_AT}

    with engine.connect() as connection, pytest.raises(IntegrityError) as raised:
        connection.execute(insert(Customer).values(**values, name=None, is_staff=False))

    engine.dispose()
    chain = [raised.value, raised.value.__cause__, raised.value.orig]
    assert [error for error in map(repr, chain) if MARK in error] == []
    assert "name" in str(raised.value)


def test_a_job_that_fails_tells_the_log_and_the_staff_nothing_of_the_card(
    session: Session,
    worker: Worker,
    clock: FixedClock,
    log: io.StringIO,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    order = OrderFactory.create(number="BB-1")
    order.payment.card_token = f"tok_{UNANSWERED}"
    session.commit()
    with transaction(session):
        enqueue(session, "authorize_payment", START, number="BB-1")

    for _ in range(8):
        run_due_jobs(worker)
        clock.advance(600)

    written = lines(log)
    assert [line["level"] for line in written] == ["warning"] * 7 + ["error"]
    assert "Traceback" in written[-1]["exception"]
    [job] = session.execute(text("SELECT last_error FROM job")).scalars()
    assert [each for each in (everything(caplog, log), job) if UNANSWERED in each] == []


@on_sqlite
def test_a_job_that_meets_a_bug_tells_the_log_no_parameter(
    session: Session,
    worker: Worker,
    clock: FixedClock,
    ada: Customer,
    log: io.StringIO,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with transaction(session):
        enqueue(session, "send_password_reset", START, customer_id=ada.id)
    break_tables(session, "customer")

    for _ in range(8):
        run_due_jobs(worker)
        clock.advance(600)

    logged = everything(caplog, log) + str(session.get_one(Job, 1).last_error)
    assert ("no such table: customer" in logged, re.findall("[0-9a-f]{64}", logged)) == (True, [])


@on_sqlite
@pytest.mark.parametrize("path", ["/", "/nope", "/products/nope", "/api/v1/nope", "/webhooks/nope"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_an_error_page_says_nothing_of_the_inside(
    client: FlaskClient, lamp: Product, path: str, method: str
) -> None:
    client.application.config["WTF_CSRF_ENABLED"] = True

    answers = [
        client.open(path, method=method, data={"x": "y"}),
        client.open(path, method=method, data="x" * 70_000),
        client.open(f"{path}?after=NOPE&q=%00", method=method, data="{", content_type="text/x"),
    ]

    said = [answer.text.lower() for answer in answers if answer.status_code >= 400]
    assert [word for word in INSIDE for text in said if word in text] == []
    assert {answer.status_code for answer in answers} <= {200, 400, 404, 405, 413, 415, 422}
