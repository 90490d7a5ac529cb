"""The store's database as the engine sees it: something to prepare once and to put back."""

import sqlite3
from abc import ABC, abstractmethod
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scenarios.engine.programs import RunStore, Say, without_password
from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import Sandbox, read_facts, write_facts
from scenarios.engine.snapshot import MIGRATIONS, pour, remove, run_store, snapshot_of, stamp_of


@dataclass(frozen=True)
class StoreDatabase(ABC):
    """A database that the store can run on, by its SQLAlchemy URL, and what it is seeded with."""

    sandbox: Sandbox
    url: str
    seed: str
    say: Say
    run: RunStore

    @property
    def shown(self) -> str:
        """Return its name for people: a path, or a URL without a password."""
        return without_password(self.url).removeprefix("sqlite:///")

    def prepare(self) -> None:
        """Make sure that the store can start on it; keep what is in it."""
        if self.is_empty():
            self.restore()
        elif read_facts(self.sandbox.stamps, dict) != self._stamp:
            self.say("Migrating the database: it, or the migrations, are not those of last time.")
            self.run("migrate", self.url)
            self.keep_stamp()

    @abstractmethod
    def is_empty(self) -> bool:
        """Tell whether there is nothing in it."""

    @abstractmethod
    def restore(self) -> None:
        """Put it back to the freshly seeded state."""

    def keep_stamp(self) -> None:
        """Note which migrations the database that was prepared last has seen."""
        write_facts(self.sandbox.stamps, self._stamp)

    @property
    def _stamp(self) -> dict[str, str]:
        return {self.shown: stamp_of(self.sandbox.workspace, MIGRATIONS)}


class SqliteDatabase(StoreDatabase):
    """One file, restored from a snapshot that is taken once per state of schema and seeds."""

    def is_empty(self) -> bool:
        """Tell whether there is no table; what was cut off while it was made has none."""
        with closing(sqlite3.connect(self.shown)) as connection:
            return connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None

    def restore(self) -> None:
        """Put the snapshot's content into the file."""
        snapshot, file = snapshot_of(self.sandbox, self.seed, self.run, self.say), Path(self.shown)
        try:
            pour(snapshot, file)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            # One of them is not a database any more, so there is nothing in it to keep whole.
            remove(snapshot)
            snapshot = snapshot_of(self.sandbox, self.seed, self.run, self.say)
            remove(file)
            pour(snapshot, file)
        self.keep_stamp()


def open_database(sandbox: Sandbox, url: str | None, seed: str, say: Say) -> StoreDatabase:
    """Return the database that a URL names, the sandbox's own file when there is none.

    :raises RefusedError: when the store cannot run on what the URL names.
    """
    url = url or f"sqlite:///{sandbox.database}"
    parts = (seed, say, partial(run_store, sandbox))
    path = url.removeprefix("sqlite:///")
    if path != url and "?" not in path and not path.endswith(("/", ":memory:")):
        return SqliteDatabase(sandbox, f"sqlite:///{Path(path).absolute()}", *parts)
    if url.startswith("postgresql"):
        from scenarios.engine.postgres import PostgresDatabase

        return PostgresDatabase(sandbox, url, *parts)
    raise RefusedError(
        f"The store cannot run on {without_password(url)!r}: give "
        "postgresql+psycopg://USER@HOST/NAME or sqlite:///FILE."
    )
