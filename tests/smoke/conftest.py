"""A shopper in the standard store."""

import os
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from scenarios.kit import databases
from seed_data.standard import load_standard_store
from shop.db import make_engine
from tests.databases import POSTGRES_VARIABLE
from tests.smoke.shopper import Shopper

ENGINES = ["sqlite", "postgresql"] if POSTGRES_VARIABLE in os.environ else ["sqlite"]


@pytest.fixture(scope="session")
def standard_store(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with the standard store in it, to be copied for each test."""
    if made := os.environ.get("CHECK_STANDARD_STORE"):
        return Path(made)
    url = databases.copy_sqlite(sqlite_template, tmp_path_factory.mktemp("standard"))
    fill(url)
    return Path(url.removeprefix("sqlite:///"))


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, standard_store: Path, tmp_path: Path) -> str:
    """The standard store on SQLite, and on PostgreSQL too where the environment names one."""
    if request.param == "sqlite":
        return databases.copy_sqlite(standard_store, tmp_path)
    url: str = request.getfixturevalue("postgres_url")
    databases.empty_postgres(url)
    fill(url)
    return url


@pytest.fixture
def shopper(client: FlaskClient) -> Shopper:
    return Shopper(client)


def fill(url: str) -> None:
    engine = make_engine(url)
    with Session(engine) as session:
        load_standard_store(session)
    engine.dispose()
