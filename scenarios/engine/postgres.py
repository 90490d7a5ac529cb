"""The store on PostgreSQL. Imported only when asked for, since SQLAlchemy takes time to load.

The freshly seeded rows are kept in a schema beside the store's. They are put back in one
transaction and in place, so whatever stops it leaves the old rows, and a shell that is open sees
the new ones next. That holds as long as the tables are what they were when the rows were kept,
which the comment on that schema tells.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from scenarios.engine.databases import StoreDatabase
from scenarios.engine.refusal import RefusedError
from scenarios.engine.snapshot import migrate_and_seed, name_of_seeds

# PostgreSQL notes of everything that somebody has declared, from 16384 on, what it depends on; only
# a column can change without. What is replaced under its name is written by another transaction.
_DECLARED = """
SELECT md5(string_agg(line, ' ' ORDER BY line)) FROM (
    SELECT concat_ws(' ', classid, objid, refobjid, xmin) FROM pg_depend WHERE objid >= 16384
    UNION ALL
    SELECT to_json(columns)::text FROM information_schema.columns WHERE table_schema = 'public'
) AS declared (line)
"""
_IS_LARGE = "SELECT pg_database_size(current_database()) > 24 * 1024 * 1024"


class PostgresDatabase(StoreDatabase):
    """A database on a server; its schemas `public` and `freshly_seeded` belong to the store."""

    def restore(self) -> None:
        """Put the kept rows into it, or drop everything in it, migrate and seed."""
        with self._transaction() as connection:
            kept = "SELECT obj_description(to_regnamespace('freshly_seeded'), 'pg_namespace')"
            if connection.exec_driver_sql(kept).scalar() == self._state(connection):
                _put_rows_back(connection)
                return
            self.say(f"Dropping, migrating and seeding {self.shown}.")
            connection.exec_driver_sql("DROP SCHEMA IF EXISTS public, freshly_seeded CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
        migrate_and_seed(self.run, self.url, self.seed)
        self.keep_stamp()
        with self._transaction() as connection:
            _keep_rows(connection)
            comment = f"COMMENT ON SCHEMA freshly_seeded IS '{self._state(connection)}'"
            connection.exec_driver_sql(comment)

    def is_empty(self) -> bool:
        """Tell whether no table has a row."""
        with self._transaction() as connection:
            return not any(
                connection.exec_driver_sql(f"SELECT 1 FROM public.{table} LIMIT 1").scalar()  # noqa: S608
                for table in _tables_in_order(connection)
                if table != "alembic_version"
            )

    def _state(self, connection: sa.Connection) -> str:
        """Name the seeds, and all that is declared."""
        declared = connection.exec_driver_sql(_DECLARED).scalar()
        return f"{name_of_seeds(self.sandbox, self.seed)} {declared}"

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        try:
            patience = {"connect_timeout": 5, "options": "-c lock_timeout=5s"}
            engine = sa.create_engine(self.url, poolclass=sa.NullPool, connect_args=patience)
            with engine.begin() as connection:
                yield connection
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
            raise RefusedError(f"{self.shown} does not do what is asked: {reason}") from error


def _tables_in_order(connection: sa.Connection) -> list[str]:
    """Return the store's tables, quoted, each after those that it refers to."""
    quote = connection.dialect.identifier_preparer.quote
    found = sa.inspect(connection).get_sorted_table_and_fkc_names("public")
    return [quote(name) for name, _ in found if name]


def _counters(connection: sa.Connection) -> list[str]:
    """Return the sequences, quoted; each is read like a table of one row."""
    quote = connection.dialect.identifier_preparer.quote
    return [quote(name) for name in sa.inspect(connection).get_sequence_names("public")]


def _keep_rows(connection: sa.Connection) -> None:
    connection.exec_driver_sql("CREATE SCHEMA freshly_seeded")
    for name in _tables_in_order(connection) + _counters(connection):
        connection.exec_driver_sql(f"CREATE TABLE freshly_seeded.{name} AS TABLE public.{name}")


def _put_rows_back(connection: sa.Connection) -> None:
    tables = _tables_in_order(connection)
    names = ", ".join(f"public.{table}" for table in tables)
    connection.exec_driver_sql(f"LOCK TABLE {names} IN EXCLUSIVE MODE")
    # TRUNCATE makes new files, which takes longer than to delete a few rows.
    if connection.exec_driver_sql(_IS_LARGE).scalar():
        connection.exec_driver_sql(f"TRUNCATE {names}")
    for table in reversed(tables):
        connection.exec_driver_sql(f"DELETE FROM public.{table}")  # noqa: S608
    for table in tables:
        connection.exec_driver_sql(f"INSERT INTO public.{table} TABLE freshly_seeded.{table}")
    for name in _counters(connection):
        values = f"last_value, is_called) FROM freshly_seeded.{name}"
        connection.exec_driver_sql(f"SELECT setval('public.{name}', {values}")
