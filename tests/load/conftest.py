"""The two kinds of database that a whole store is run on."""

import os

import pytest

from tests import databases


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> str | None:
    """Return the PostgreSQL to create databases on, or None for a file of SQLite."""
    if request.param == "sqlite":
        return None
    if databases.POSTGRES_VARIABLE not in os.environ:
        databases.not_run(f"{databases.POSTGRES_VARIABLE} names no PostgreSQL")
    return os.environ[databases.POSTGRES_VARIABLE]
