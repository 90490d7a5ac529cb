"""What all tests share: an application on an empty database, with a clock that stands still."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import BytecodeCache, FileSystemBytecodeCache
from sqlalchemy.orm import Session

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
from tests import databases
from tests.factories import bind_factories

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
WEBHOOK_SECRET = "webhook secret of the tests"


class StandingClock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.moment = START

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return databases.make_sqlite_template(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres_url(worker_id: str) -> str:
    return databases.make_postgres(worker_id)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, sqlite_template: Path, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return databases.copy_sqlite(sqlite_template, tmp_path)
    url: str = request.getfixturevalue("postgres_url")
    databases.empty_postgres(url)
    return url


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


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


@pytest.fixture(scope="session")
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> BytecodeCache:
    """Keep templates compiled between the applications of the tests, which takes a third off."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture
def app(
    database_url: str, compiled_templates: BytecodeCache, clock: StandingClock, outside: Gateways
) -> Iterator[Flask]:
    """The store without form tokens and without a brake, which have tests of their own."""
    app = create_app(settings_for(database_url), gateways=outside, clock=clock)
    app.config["WTF_CSRF_ENABLED"] = False
    limiter.enabled = False
    app.jinja_env.bytecode_cache = compiled_templates
    yield app
    app.extensions["sessions"].kw["bind"].dispose()


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """A session of the test's own, which the factories write with."""
    # No application context is open around the test, or its requests would share this session.
    with app.extensions["sessions"]() as session, bind_factories(session):
        yield session


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def worker(app: Flask) -> Worker:
    return make_worker(app)


def run_due_jobs(worker: Worker) -> int:
    """Run jobs until none is due, and return how many there were."""
    count = 0
    while worker.run_one():
        count += 1
    return count


def settings_for(database_url: str) -> dict[str, str]:
    """Return settings with which the store starts."""
    return {
        "SHOP_SECRET_KEY": "secret key of the tests",
        "SHOP_DATABASE_URL": database_url,
        "SHOP_BASE_URL": "http://store.test",
        "SHOP_PAYMENTS_URL": "http://127.0.0.1:9/payments",
        "SHOP_PAYMENTS_API_KEY": "api key of the tests",
        "SHOP_PAYMENTS_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "SHOP_CARRIER_URL": "http://127.0.0.1:9/carrier",
        "SHOP_SMTP_URL": "smtp://127.0.0.1:9",
        # What a test changes, it wants to see at once.
        "SHOP_PAGE_CACHE_SECONDS": "0",
    }


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once for each reason what was not run; a skipped test is not a passed one."""
    skipped = terminalreporter.getreports("skipped")
    reasons = Counter(
        report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)
    )
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"{reason} ({count} tests)", yellow=True)
