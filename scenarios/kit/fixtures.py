"""The fixtures of a check: an empty store, the world around it, and a clock that stands still.

A plugin of pytest; what the store then holds comes from `rows`, or from `seed_data`. The store runs
on SQLite, or on PostgreSQL where `CHECK_DATABASE_URL` names a database beside which another may be
made. A check that wants an outside world that fails gives it as a fixture of its own:

    @pytest.fixture
    def mailer() -> Failing:
        return Failing(FakeMailer(), "send", calls=[3])
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import BytecodeCache, FileSystemBytecodeCache
from sqlalchemy import Engine, make_url
from sqlalchemy.orm import Session

from scenarios.kit import databases
from scenarios.kit.clock import FixedClock
from scenarios.kit.second_process import import_again
from scenarios.kit.settings import settings_for
from scenarios.kit.sharing import SharedRule, share_compiled
from shop import create_app
from shop.cli import make_worker
from shop.gateways import Gateways, fakes
from shop.web.auth import limiter
from shop.worker.loop import Worker

Flask.url_rule_class = SharedRule


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with the store's tables; `CHECK_EMPTY_STORE` may name one that is made."""
    if made := os.environ.get("CHECK_EMPTY_STORE"):
        return Path(made)
    return databases.make_sqlite_template(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    server = os.environ["CHECK_DATABASE_URL"]
    url = databases.make_postgres(server, f"check_{os.getpid()}")
    yield url
    databases.drop_database(make_url(server), str(make_url(url).database))


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
def provider() -> fakes.FakePaymentProvider:
    return fakes.FakePaymentProvider()


@pytest.fixture
def carrier() -> fakes.FakeCarrier:
    return fakes.FakeCarrier()


@pytest.fixture
def mailer() -> fakes.FakeMailer:
    return fakes.FakeMailer()


@pytest.fixture
def suggestions() -> fakes.FakeSuggestions:
    return fakes.FakeSuggestions()


@pytest.fixture
def pictures() -> fakes.FakePictures:
    return fakes.FakePictures()


@pytest.fixture
def outside(request: pytest.FixtureRequest) -> Gateways:
    """All of the services above, whichever the check has replaced."""
    names = ("provider", "carrier", "mailer", "suggestions", "pictures")
    return Gateways(*map(request.getfixturevalue, names))


@pytest.fixture
def settings(database_url: str) -> dict[str, str]:
    """What the store is told, which a check may add to; nothing in it is kept for some seconds."""
    return settings_for(database_url)


@pytest.fixture(scope="session")
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> BytecodeCache:
    """Keep templates compiled between the applications of a run, which takes a third off."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture
def app(
    settings: dict[str, str],
    clock: FixedClock,
    outside: Gateways,
    compiled_templates: BytecodeCache,
) -> Iterator[Flask]:
    """The store without form tokens and without a brake on guessing."""
    app = create_app(settings, gateways=outside, clock=clock)
    share_compiled(app.extensions["sessions"].kw["bind"])
    app.jinja_env.bytecode_cache = compiled_templates
    app.config["WTF_CSRF_ENABLED"] = False
    limiter.enabled = False
    yield app
    app.extensions["sessions"].kw["bind"].dispose()


@pytest.fixture(scope="session")
def other_store() -> tuple[Callable[..., Flask], ModuleType]:
    return import_again()


@pytest.fixture
def other_app(
    settings: dict[str, str],
    clock: FixedClock,
    outside: Gateways,
    compiled_templates: BytecodeCache,
    other_store: tuple[Callable[..., Flask], ModuleType],
) -> Iterator[Flask]:
    """The same store as another process has it, see `second_process`; ask it by requests only.

    Its errors have classes of their own: it knows none that a service of `outside` raises, and
    `interleave` takes none of its own for a refusal.
    """
    create_other, auth = other_store
    other = create_other(settings, gateways=outside, clock=clock)
    share_compiled(other.extensions["sessions"].kw["bind"])
    other.jinja_env.bytecode_cache = compiled_templates
    other.config["WTF_CSRF_ENABLED"] = False
    auth.limiter.enabled = False
    yield other
    other.extensions["sessions"].kw["bind"].dispose()


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
