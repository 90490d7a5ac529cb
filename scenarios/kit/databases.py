"""Empty databases with the store's tables: a file for each test, or one PostgreSQL for them all."""

import shutil
from pathlib import Path

from sqlalchemy import URL, create_engine, make_url, text

from shop.cli import upgrade
from shop.db import Model, make_engine


def make_sqlite_template(folder: Path) -> Path:
    """Migrate an empty SQLite database, to be copied for each test."""
    template = folder / "template.sqlite3"
    upgrade(f"sqlite:///{template}")
    return template


def copy_sqlite(template: Path, folder: Path) -> str:
    """Return the address of a fresh copy."""
    return f"sqlite:///{shutil.copyfile(template, folder / 'store.sqlite3')}"


def make_postgres(server_url: str, name: str) -> str:
    """Create and migrate an empty database beside the one that the address names."""
    server = make_url(server_url)
    name = f"{server.database}_cartwreck_{name}"
    create_database(server, name)
    url = server.set(database=name).render_as_string(hide_password=False)
    upgrade(url)
    _keep_no_statistics(url)
    return url


def create_database(server: URL, name: str) -> None:
    """Create a PostgreSQL database anew, in place of one that an earlier run has left."""
    drop_database(server, name)
    _tell(server, f'CREATE DATABASE "{name}"')


def drop_database(server: URL, name: str) -> None:
    """Drop a PostgreSQL database if it is there, whoever is still connected to it."""
    _tell(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _keep_no_statistics(url: str) -> None:
    """Let nobody count rows behind a test's back, so that the same plan is made on every run."""
    engine = make_engine(url)
    with engine.begin() as connection:
        for table in Model.metadata.sorted_tables:
            connection.execute(text(f'ALTER TABLE "{table}" SET (autovacuum_enabled = off)'))
    engine.dispose()


def empty_postgres(url: str) -> None:
    """Delete every row; for a few rows this takes a tenth of the time that TRUNCATE takes."""
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL synchronous_commit = off"))
        for table in reversed(Model.metadata.sorted_tables):
            connection.execute(table.delete())
    engine.dispose()


def _tell(server: URL, sql: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(sql))
    engine.dispose()
