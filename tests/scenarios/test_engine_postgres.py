"""The store's database on PostgreSQL, where SHOP_TEST_POSTGRES_URL names a server to use."""

import os
import secrets
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from scenarios.engine.databases import open_database
from scenarios.engine.postgres import PostgresDatabase
from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import Sandbox

SERVER = os.environ.get("SHOP_TEST_POSTGRES_URL", "")

pytestmark = pytest.mark.skipif(not SERVER, reason="SHOP_TEST_POSTGRES_URL is not set")


@pytest.fixture
def url() -> Iterator[str]:
    name = f"engine_{secrets.token_hex(6)}"
    _execute(SERVER, f"CREATE DATABASE {name}")
    yield sa.make_url(SERVER).set(database=name).render_as_string(hide_password=False)
    _execute(SERVER, f"DROP DATABASE {name} WITH (FORCE)")


def test_an_empty_database_is_migrated_and_seeded(url: str) -> None:
    PostgresDatabase(url).prepare(_store, _quiet)

    assert _things(url) == ["lamp"]


def test_a_used_database_is_not_seeded_again(url: str) -> None:
    database = PostgresDatabase(url)
    database.prepare(_store, _quiet)
    _execute(url, "INSERT INTO thing VALUES ('bought')")

    database.prepare(_store, _quiet)

    assert _things(url) == ["lamp", "bought"]


def test_a_database_whose_seeding_was_cut_off_is_seeded(url: str) -> None:
    _store("migrate", url)

    PostgresDatabase(url).prepare(_store, _quiet)

    assert _things(url) == ["lamp"]


def test_a_restored_database_holds_the_seeds_only(url: str) -> None:
    database = PostgresDatabase(url)
    database.prepare(_store, _quiet)
    _execute(url, "INSERT INTO thing VALUES ('bought')")
    _execute(url, "CREATE TABLE notes_of_a_learner (text TEXT)")

    database.restore(_store, _quiet)

    assert _things(url) == ["lamp"]
    assert _tables(url) == ["alembic_version", "thing"]


def test_a_database_that_is_not_there_is_told_in_a_sentence(sandbox: Sandbox) -> None:
    missing = sa.make_url(SERVER).set(database="no_such_database", password="s3cret")
    database = open_database(sandbox, missing.render_as_string(hide_password=False))

    with pytest.raises(RefusedError, match="does not exist") as told:
        database.prepare(_store, _quiet)

    assert "s3cret" not in told.value.sentence


@pytest.fixture
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    return Sandbox(tmp_path_factory.mktemp("checkout"))


def _store(command: str, url: str) -> None:
    """Do what the store's commands do, with one table."""
    if command == "migrate":
        _execute(url, "CREATE TABLE IF NOT EXISTS alembic_version (version_num TEXT)")
        _execute(url, "CREATE TABLE IF NOT EXISTS thing (name TEXT)")
    else:
        _execute(url, "INSERT INTO thing VALUES ('lamp')")


def _quiet(_sentence: str) -> None:
    """Say nothing."""


def _execute(url: str, statement: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(statement))


def _things(url: str) -> list[str]:
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        return list(connection.scalars(sa.text("SELECT name FROM thing")))


def _tables(url: str) -> list[str]:
    return sorted(sa.inspect(sa.create_engine(url, poolclass=sa.NullPool)).get_table_names())
