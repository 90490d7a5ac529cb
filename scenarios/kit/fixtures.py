"""The fixtures of a check: an empty store, the world around it, and a clock that stands still.

A plugin of pytest. The store runs on SQLite, or on PostgreSQL where `CHECK_DATABASE_URL` names a
database beside which another may be made. A check that wants an outside world that fails gives it
as a fixture of its own:

    @pytest.fixture
    def mailer() -> Failing:
        return Failing(FakeMailer(), "send", calls=[3])
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from scenarios.kit import databases
from scenarios.kit.clock import FixedClock
from scenarios.kit.rows import add_delivery, add_product
from scenarios.kit.settings import settings_for
from shop import create_app
from shop.cli import make_worker
from shop.gateways import Gateways
from shop.gateways.fakes import (
    FakeCarrier,
    FakeMailer,
    FakePaymentProvider,
    FakePictures,
    FakeSuggestions,
)
from shop.web.auth import limiter
from shop.worker.loop import Worker


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return databases.make_sqlite_template(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres_url() -> str:
    return databases.make_postgres(os.environ["CHECK_DATABASE_URL"], f"check_{os.getpid()}")


@pytest.fixture
def database_url(request: pytest.FixtureRequest, sqlite_template: Path, tmp_path: Path) -> str:
    """The address of an empty database with the store's tables."""
    if "CHECK_DATABASE_URL" not in os.environ:
        return databases.copy_sqlite(sqlite_template, tmp_path)
    url: str = request.getfixturevalue("postgres_url")
    databases.empty_postgres(url)
    return url


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def provider() -> FakePaymentProvider:
    return FakePaymentProvider()


@pytest.fixture
def carrier() -> FakeCarrier:
    return FakeCarrier()


@pytest.fixture
def mailer() -> FakeMailer:
    return FakeMailer()


@pytest.fixture
def suggestions() -> FakeSuggestions:
    return FakeSuggestions()


@pytest.fixture
def pictures() -> FakePictures:
    return FakePictures()


@pytest.fixture
def outside(
    provider: FakePaymentProvider,
    carrier: FakeCarrier,
    mailer: FakeMailer,
    suggestions: FakeSuggestions,
    pictures: FakePictures,
) -> Gateways:
    return Gateways(provider, carrier, mailer, suggestions, pictures)


@pytest.fixture
def app(database_url: str, clock: FixedClock, outside: Gateways) -> Iterator[Flask]:
    """The store without form tokens and without a brake on guessing."""
    app = create_app(settings_for(database_url), gateways=outside, clock=clock)
    app.config["WTF_CSRF_ENABLED"] = False
    limiter.enabled = False
    yield app
    app.extensions["sessions"].kw["bind"].dispose()


@pytest.fixture
def engine(app: Flask) -> Engine:
    engine: Engine = app.extensions["sessions"].kw["bind"]
    return engine


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """A session of the test's own."""
    # No application context is open around the test, or its requests would share this session.
    with app.extensions["sessions"]() as session:
        yield session


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def worker(app: Flask) -> Worker:
    return make_worker(app)


@pytest.fixture
def small_store(session: Session) -> None:
    """A store that ships to one country, with ten pieces of LMP-001 at 19.99."""
    add_delivery(session)
    add_product(session)
