"""A shopper in the standard store."""

import os
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from scenarios.kit import databases
from seed_data.standard import load_standard_store
from tests.databases import POSTGRES_VARIABLE
from tests.smoke.shopper import Shopper

ENGINES = ["sqlite", "postgresql"] if POSTGRES_VARIABLE in os.environ else ["sqlite"]


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, sqlite_template: Path, tmp_path: Path) -> str:
    """SQLite, and PostgreSQL too where the environment names one."""
    if request.param == "sqlite":
        return databases.copy_sqlite(sqlite_template, tmp_path)
    url: str = request.getfixturevalue("postgres_url")
    databases.empty_postgres(url)
    return url


@pytest.fixture
def shopper(app: Flask, client: FlaskClient) -> Shopper:
    with app.extensions["sessions"]() as session:
        load_standard_store(session)
    return Shopper(client)
