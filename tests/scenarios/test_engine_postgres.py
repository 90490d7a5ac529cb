"""The store's database on PostgreSQL, where SHOP_TEST_POSTGRES_URL names a server to use."""

import os
import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from scenarios.engine.databases import open_database
from scenarios.engine.postgres import PostgresDatabase
from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import Sandbox

SERVER = os.environ.get("SHOP_TEST_POSTGRES_URL", "")

MADE_AT = datetime(2026, 11, 23, 18, 0, 0, 250_000, tzinfo=UTC)
PARTS = [
    (1, '{"b": 1,  "a": "\u00e9"}', b"\0\xff", MADE_AT, True, "lamp"),
    (2, None, None, MADE_AT, True, "lamp"),
]

pytestmark = pytest.mark.skipif(not SERVER, reason="SHOP_TEST_POSTGRES_URL is not set")


@pytest.fixture
def url() -> Iterator[str]:
    name = f"engine_{secrets.token_hex(6)}"
    _execute(SERVER, f"CREATE DATABASE {name}")
    yield sa.make_url(SERVER).set(database=name).render_as_string(hide_password=False)
    _execute(SERVER, f"DROP DATABASE {name} WITH (FORCE)")


def test_an_empty_database_is_migrated_and_seeded(sandbox: Sandbox, url: str) -> None:
    _database(sandbox, url).prepare()

    assert _things(url) == ["lamp"]


def test_a_used_database_is_not_seeded_again(sandbox: Sandbox, url: str) -> None:
    database = _database(sandbox, url)
    database.prepare()
    _execute(url, "INSERT INTO thing VALUES ('bought')")

    database.prepare()

    assert _things(url) == ["lamp", "bought"]


def test_a_database_whose_seeding_was_cut_off_is_seeded(sandbox: Sandbox, url: str) -> None:
    _store("migrate", url)

    _database(sandbox, url).prepare()

    assert _things(url) == ["lamp"]


def test_a_restored_database_holds_the_seeds_only(sandbox: Sandbox, url: str) -> None:
    database = _database(sandbox, url)
    database.prepare()
    _execute(url, "INSERT INTO thing VALUES ('bought')")
    _execute(url, "CREATE TABLE notes_of_a_learner (text TEXT)")

    database.restore()

    assert _things(url) == ["lamp"]
    assert _tables(url) == ["alembic_version", "part", "thing"]


def test_a_second_restore_puts_the_rows_back(sandbox: Sandbox, url: str) -> None:
    database = _database(sandbox, url)
    database.prepare()
    for statement in ("INSERT INTO thing VALUES ('bought')", "DELETE FROM part"):
        _execute(url, statement)
    _execute(url, "SELECT setval('part_id_seq', 70)")

    replace(database, run=_fail).restore()

    assert (_things(url), _parts(url)) == (["lamp"], PARTS)
    _execute(url, "INSERT INTO part (thing) VALUES ('lamp')")
    assert [number for number, *_ in _parts(url)] == [1, 2, 3]


def test_a_database_that_has_grown_large_is_restored_as_well(sandbox: Sandbox, url: str) -> None:
    database = _database(sandbox, url)
    database.prepare()
    _execute(url, "INSERT INTO thing SELECT md5(n::text) FROM generate_series(1, 150000) AS n")
    _execute(url, "INSERT INTO part (thing) SELECT name FROM thing LIMIT 1000")

    replace(database, run=_fail).restore()

    assert (_things(url), _parts(url), _size(url) < 1_000_000) == (["lamp"], PARTS, True)


def test_a_shell_that_reads_does_not_prevent_a_restore(sandbox: Sandbox, url: str) -> None:
    database = _database(sandbox, url)
    database.prepare()
    _execute(url, "INSERT INTO thing VALUES ('bought')")
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as shell:
        seen = [shell.scalar(sa.text("SELECT count(*) FROM thing"))]

        replace(database, run=_fail).restore()

        seen.append(shell.scalar(sa.text("SELECT count(*) FROM thing")))

    assert (seen, _things(url)) == ([2, 1], ["lamp"])


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE notes_of_a_learner (text TEXT)",
        "ALTER TABLE thing ADD COLUMN price INTEGER",
        "ALTER TABLE thing ALTER COLUMN name SET DEFAULT 'lamp'",
        "ALTER TABLE part DROP CONSTRAINT part_thing_fkey",
        "CREATE INDEX slow ON part (thing)",
        "CREATE FUNCTION answer() RETURNS INTEGER LANGUAGE SQL AS 'SELECT 42'",
        """CREATE TRIGGER same BEFORE UPDATE ON part
        FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()""",
        "DROP TABLE freshly_seeded.part",
        "DROP SCHEMA public CASCADE",
    ],
)
def test_tables_that_were_changed_are_made_anew(sandbox: Sandbox, url: str, change: str) -> None:
    database = _database(sandbox, url)
    database.prepare()
    _execute(url, change)
    ran: list[str] = []

    def store(command: str, url: str) -> None:
        ran.append(command)
        _store(command, url)

    replace(database, run=store).restore()
    replace(database, run=_fail).restore()

    assert ran == ["migrate", "seed"]
    assert (_things(url), _parts(url)) == (["lamp"], PARTS)


def test_a_restore_that_another_program_prevents_leaves_the_rows(
    sandbox: Sandbox, url: str
) -> None:
    database = _database(sandbox, url)
    database.prepare()
    _execute(url, "INSERT INTO thing VALUES ('bought')")
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as other:
        other.execute(sa.text("LOCK TABLE thing"))

        with pytest.raises(RefusedError, match="lock timeout"):
            database.restore()

    assert _things(url) == ["lamp", "bought"]


def test_a_database_that_is_not_there_is_told_in_a_sentence(sandbox: Sandbox) -> None:
    missing = sa.make_url(SERVER).set(database="no_such_database", password="s3cret")
    shown = missing.render_as_string(hide_password=False)
    database = open_database(sandbox, shown, "standard", print)

    with pytest.raises(RefusedError, match="does not exist") as told:
        database.prepare()

    assert "s3cret" not in told.value.sentence


@pytest.fixture
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    made = Sandbox(tmp_path_factory.mktemp("checkout"))
    made.make_folders()
    return made


def _store(command: str, url: str) -> None:
    """Do what the store's commands do, with one table."""
    if command == "migrate":
        _execute(url, "CREATE TABLE IF NOT EXISTS alembic_version (version_num TEXT)")
        _execute(url, "CREATE TABLE IF NOT EXISTS thing (name TEXT PRIMARY KEY)")
        _execute(
            url,
            """CREATE TABLE IF NOT EXISTS part (id SERIAL PRIMARY KEY, facts JSON, picture BYTEA,
            made_at TIMESTAMPTZ DEFAULT '2026-11-23 18:00:00.25+00', is_new BOOLEAN DEFAULT true,
            thing TEXT NOT NULL REFERENCES thing)""",
        )
    else:
        _execute(url, "INSERT INTO thing VALUES ('lamp')")
        columns = "INSERT INTO part (thing, facts, picture) VALUES"
        _execute(url, f"""{columns} ('lamp', '{{"b": 1,  "a": "\u00e9"}}', '\\x00ff')""")
        _execute(url, f"{columns} ('lamp', NULL, NULL)")


def _fail(command: str, _url: str) -> None:
    """Stand in for the store where it must not be called."""
    raise AssertionError(command)


def _database(sandbox: Sandbox, url: str) -> PostgresDatabase:
    return PostgresDatabase(sandbox, url, "standard", print, _store)


def _execute(url: str, statement: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(statement))


def _things(url: str) -> list[str]:
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        return list(connection.scalars(sa.text("SELECT name FROM thing")))


def _parts(url: str) -> list[tuple[object, ...]]:
    statement = "SELECT id, facts::text, picture, made_at, is_new, thing FROM part ORDER BY id"
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(statement))]


def _size(url: str) -> int:
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        return int(connection.scalar(sa.text("SELECT pg_total_relation_size('thing')")) or 0)


def _tables(url: str) -> list[str]:
    return sorted(sa.inspect(sa.create_engine(url, poolclass=sa.NullPool)).get_table_names())
