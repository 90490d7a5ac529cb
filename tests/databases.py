"""Empty databases for tests: a file of its own for each test, or one PostgreSQL per process."""

import os
import shutil
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, make_url, text

from shop.cli import upgrade
from shop.db import Model, make_engine

POSTGRES_VARIABLE = "SHOP_TEST_POSTGRES_URL"


def not_run(reason: str) -> None:
    """Report a part as not run; in CI, where everything must run, that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"not run: {reason}")
    pytest.skip(f"not run: {reason}")


def make_sqlite_template(folder: Path) -> Path:
    """Migrate an empty SQLite database, to be copied for each test."""
    template = folder / "template.sqlite3"
    upgrade(f"sqlite:///{template}")
    return template


def copy_sqlite(template: Path, folder: Path) -> str:
    """Return the address of a fresh copy."""
    copy = folder / "store.sqlite3"
    shutil.copyfile(template, copy)
    return f"sqlite:///{copy}"


def make_postgres(worker_id: str) -> str:
    """Create and migrate an empty PostgreSQL database for one test process."""
    if POSTGRES_VARIABLE not in os.environ:
        not_run(f"{POSTGRES_VARIABLE} names no PostgreSQL")
    server = make_url(os.environ[POSTGRES_VARIABLE])
    name = f"{server.database}_cartwreck_{worker_id}"
    create_database(server, name)
    url = server.set(database=name).render_as_string(hide_password=False)
    upgrade(url)
    return url


def create_database(server: URL, name: str) -> None:
    """Create a PostgreSQL database anew, in place of one that an earlier run has left."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    engine.dispose()


def empty_postgres(url: str) -> None:
    """Delete every row; for a few rows this takes a tenth of the time that TRUNCATE takes."""
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL synchronous_commit = off"))
        for table in reversed(Model.metadata.sorted_tables):
            connection.execute(table.delete())
    engine.dispose()
