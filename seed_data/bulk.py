"""Write rows by the million, the fastest way that each database has.

All of it belongs to the caller's transaction, indexes and statistics included: a load that is cut
off, however it ends, leaves the database as it was.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

Row = tuple[str | int | None, ...]

_SQLITE_CACHE_KIB = 64 * 1024
_MOST_ROWS_ANALYZED = 1_000
# How to find what `without_indexes` takes away, to take it and to give it back. PostgreSQL checks
# a foreign key far faster once, for all rows, than for each; its indexes cost it less.
_PARTS = {
    "sqlite": (
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
        'DROP INDEX "{0}"',
        "{1}",
    ),
    "postgresql": (
        """SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE contype = 'f' AND connamespace = current_schema()::regnamespace""",
        'ALTER TABLE {0} DROP CONSTRAINT "{1}"',
        'ALTER TABLE {0} ADD CONSTRAINT "{1}" {2}',
    ),
}


class Bulk:
    """Rows that wait to be written, by table."""

    def __init__(self, connection: sa.Connection, columns: Mapping[str, Sequence[str]]) -> None:
        """Begin; `columns` names the tables in the order in which they refer to each other."""
        self.rows: dict[str, list[Row]] = {table: [] for table in columns}
        self._columns = columns
        self._connection = connection
        is_sqlite = connection.dialect.name == "sqlite"
        self._write = self._insert if is_sqlite else self._copy

    def flush(self) -> None:
        """Write what waits."""
        for table, rows in self.rows.items():
            if rows:
                self._write(table, rows)
                rows.clear()

    def move_sequences(self) -> None:
        """Let PostgreSQL go on counting after the ids that were given here."""
        if self._connection.dialect.name != "postgresql":
            return
        for table, columns in self._columns.items():
            if "id" in columns:
                sequence = f"pg_get_serial_sequence('{table}', 'id')"
                self._connection.exec_driver_sql(
                    f"SELECT setval({sequence}, {self.next_id(table) - 1})"
                )

    def next_id(self, table: str) -> int:
        """Return the first id that no row of the table has, which is also the next one."""
        known = sa.table(table, sa.column("id", sa.Integer))
        last = sa.select(sa.func.max(known.c.id))
        return (self._connection.scalar(last) or 0) + 1

    def _insert(self, table: str, rows: list[Row]) -> None:
        columns = self._columns[table]
        places = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608
        self._connection.exec_driver_sql(statement, rows)

    def _copy(self, table: str, rows: list[Row]) -> None:
        statement = f"COPY {table} ({', '.join(self._columns[table])}) FROM STDIN"
        driver: Any = self._connection.connection.driver_connection
        try:
            with driver.cursor() as cursor, cursor.copy(statement) as copy:
                for row in rows:
                    copy.write_row(row)
        except self._connection.dialect.loaded_dbapi.Error as error:
            raise sa.exc.DBAPIError(statement, None, error) from error


@contextmanager
def loading(session: Session) -> Iterator[None]:
    """Prepare the database's connection for a load, outside of any transaction.

    Every setting belongs to the connection, which is closed afterwards: the next one begins anew.
    SQLite without its write-ahead log writes each page once instead of twice, and still rolls back
    what was cut off; that needs the file for itself. It looks up no foreign key of what was made
    to fit.
    """
    session.rollback()
    engine = session.get_bind().engine
    engine.dispose()
    if engine.dialect.name == "sqlite":
        for pragma in (
            "journal_mode=DELETE",
            "foreign_keys=OFF",
            f"cache_size=-{_SQLITE_CACHE_KIB}",
        ):
            session.connection().exec_driver_sql(f"PRAGMA {pragma}")
    try:
        yield
    finally:
        session.rollback()
        engine.dispose()


@contextmanager
def without_indexes(connection: sa.Connection) -> Iterator[None]:
    """Take away what is faster to make at the end, once, than to keep up with each row."""
    find, take, give = _PARTS[connection.dialect.name]
    parts = connection.exec_driver_sql(find).all()
    for part in parts:
        connection.exec_driver_sql(take.format(*part))
    yield
    for part in parts:
        connection.exec_driver_sql(give.format(*part))


def update_statistics(connection: sa.Connection) -> None:
    """Let the planner know how much there is now."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA analysis_limit={_MOST_ROWS_ANALYZED}")
    connection.exec_driver_sql("ANALYZE")
