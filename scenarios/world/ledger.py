"""The SQLite file in which the outside world keeps all that it did and how it behaves.

One connection serves every thread, one transaction at a time. That is what makes
"look, then act" safe everywhere in this package, and an answer is sent only after
its transaction has been committed, so a killed process loses nothing it has answered.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from scenarios.world.refusals import CannotStart

FILE_NAME = "world.sqlite3"
TABLES = (
    "conditions",
    "calls",
    "answers",
    "tokens",
    "payments",
    "tries",
    "deliveries",
    "events",
    "parcels",
    "also_bought",
    "mails",
)


class Ledger:
    """The open file, and the transactions on it."""

    def __init__(self, data_dir: Path) -> None:
        """Open the file in a folder, and make both when they do not exist.

        :raises CannotStart: when the file cannot be used or another process uses it.
        """
        self._lock = threading.RLock()
        path = data_dir / FILE_NAME
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            self._connection = _open(path)
        except (OSError, sqlite3.Error) as error:
            raise CannotStart(f"Cannot keep the ledgers in {path}: {_reason(error)}.") from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction; commit it at the end, or roll it back when an error leaves it."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.rollback()
                raise

    def empty(self) -> None:
        """Delete all that was done and every condition, so that the world is as new."""
        with self.transaction() as db:
            # The names are the ones written above, never a caller's.
            for table in TABLES:
                db.execute(f"DELETE FROM {table}")  # noqa: S608

    def close(self) -> None:
        """Close the file, once the transaction that is under way has ended."""
        with self._lock:
            self._connection.close()


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=0.2, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    # Two processes on one file would deliver every webhook twice. The exclusive mode turns
    # the second one away, and the operating system frees the file when a process is killed.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    schema = resources.files(__package__).joinpath("schema.sql")
    connection.executescript(schema.read_text(encoding="utf-8"))


def _reason(error: Exception) -> str:
    if "locked" in str(error):
        return "another outside world is using it, so stop that one or choose another --data-dir"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error)
