import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, event, text, update
from sqlalchemy.orm import Session

from scenarios.kit.clock import START
from shop import create_app
from shop.db import make_engine
from shop.models import Heartbeat, Job
from tests.shop.test_log import INSIDE, lines
from tests.shop.test_log import log as log

SECOND = timedelta(seconds=1)
WELL = {"database": "ok", "jobs": "ok", "worker": "ok"}


@pytest.fixture
def healthy(app: Flask, session: Session) -> FlaskClient:
    """A browser of a store with a job that is just due and a worker that has just been there."""
    session.add(Heartbeat(worker="host:1", beat_at=START))
    session.add(job("due", START))
    session.commit()
    return app.test_client()


def job(key: str, due_at: datetime, **values: datetime) -> Job:
    facts = {"kind": "book_parcel", "payload": {"number": key}, "created_at": START}
    return Job(key=key, due_at=due_at, **facts, **values)


def ready(client: FlaskClient) -> tuple[int, dict[str, str]]:
    """Return the status of the answer and the parts that it names."""
    answer = client.get("/health/ready")
    assert answer.json is not None
    assert answer.json["status"] == ("ok" if answer.status_code == 200 else "failing")
    return answer.status_code, answer.json["parts"]


@contextmanager
def without_table(session: Session, name: str) -> Iterator[None]:
    """Take a table away for a while."""
    session.execute(text(f"ALTER TABLE {name} RENAME TO {name}_gone"))
    session.commit()
    try:
        yield
    finally:
        session.execute(text(f"ALTER TABLE {name}_gone RENAME TO {name}"))
        session.commit()


@contextmanager
def without_database(app: Flask) -> Iterator[None]:
    """Let the store look for its database where there is none."""
    sessions = app.extensions["sessions"]
    kept = sessions.kw["bind"]
    nowhere = {"sqlite": "sqlite:////no/such/folder/store.sqlite3"}
    nobody = "postgresql+psycopg://nobody@127.0.0.1:9/nowhere"
    sessions.configure(bind=make_engine(nowhere.get(kept.dialect.name, nobody)))
    try:
        yield
    finally:
        sessions.configure(bind=kept)


def test_a_store_that_can_sell_is_ready(healthy: FlaskClient) -> None:
    assert ready(healthy) == (200, WELL)


@pytest.mark.parametrize(
    ("table", "part"), [("product", "database"), ("job", "jobs"), ("heartbeat", "worker")]
)
def test_a_part_that_fails_is_named_and_only_that(
    healthy: FlaskClient, session: Session, table: str, part: str
) -> None:
    with without_table(session, table):
        failing, live = ready(healthy), healthy.get("/health/live")

    assert failing == (503, {**WELL, part: "failing"})
    assert live.status_code == 200
    assert ready(healthy) == (200, WELL)


def test_without_its_database_the_store_is_alive_and_not_ready(
    app: Flask, healthy: FlaskClient
) -> None:
    with without_database(app):
        failing, live = ready(healthy), healthy.get("/health/live")

    assert failing == (503, dict.fromkeys(WELL, "failing"))
    assert live.status_code == 200
    assert ready(healthy) == (200, WELL)


def test_why_a_part_fails_is_in_the_log_and_not_in_the_answer(
    app: Flask, healthy: FlaskClient, log: io.StringIO
) -> None:
    with without_database(app):
        answer = healthy.get("/health/ready")

    told = [line["event"] for line in lines(log) if "OperationalError" in line.get("exception", "")]
    assert told == ["health: database", "health: jobs", "health: worker"]
    assert [word for word in INSIDE if word in answer.text.lower()] == []


@pytest.mark.parametrize(
    ("waits", "values", "status"),
    [
        (300 * SECOND, {}, 200),
        (301 * SECOND, {}, 503),
        (301 * SECOND, {"leased_until": START + SECOND}, 503),
        (301 * SECOND, {"done_at": START}, 200),
        (301 * SECOND, {"set_aside_at": START}, 200),
        (-3600 * SECOND, {}, 200),
    ],
)
def test_a_job_may_wait_five_minutes_for_a_worker(
    healthy: FlaskClient,
    session: Session,
    waits: timedelta,
    values: dict[str, datetime],
    status: int,
) -> None:
    session.add(job("another", START - waits, **values))
    session.commit()

    assert ready(healthy) == (status, {**WELL, "jobs": "ok" if status == 200 else "failing"})


@pytest.mark.parametrize(("age", "status"), [(59 * SECOND, 200), (60 * SECOND, 503)])
def test_one_worker_has_to_have_been_there_within_a_minute(
    healthy: FlaskClient, session: Session, age: timedelta, status: int
) -> None:
    session.add(Heartbeat(worker="host:2", beat_at=START - timedelta(hours=1)))
    session.execute(update(Heartbeat).values(beat_at=START - age))
    session.commit()

    assert ready(healthy) == (status, {**WELL, "worker": "ok" if status == 200 else "failing"})


def test_a_store_that_never_had_a_worker_is_not_ready(
    healthy: FlaskClient, session: Session
) -> None:
    session.execute(delete(Heartbeat))
    session.commit()

    assert ready(healthy) == (503, {**WELL, "worker": "failing"})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_store_that_is_alone_needs_no_worker(
    database_url: str, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SHOP_PAYMENTS_URL", "SHOP_CARRIER_URL", "SHOP_SMTP_URL"):
        monkeypatch.delenv(name, raising=False)
    alone = create_app({"SHOP_ALONE": "yes", "SHOP_DATABASE_URL": database_url})

    answer = ready(alone.test_client())

    alone.extensions["sessions"].kw["bind"].dispose()
    assert answer == (200, {"database": "ok"})


def test_to_ask_whether_the_store_lives_costs_the_database_nothing(
    app: Flask, healthy: FlaskClient
) -> None:
    engine, sent = app.extensions["sessions"].kw["bind"], []
    event.listen(engine, "before_cursor_execute", lambda *args: sent.append(args[2]))

    live, none = healthy.get("/health/live"), len(sent)
    healthy.get("/health/ready")

    assert (live.json, none, len(sent)) == ({"status": "ok"}, 0, 3)
    assert "Set-Cookie" not in live.headers
