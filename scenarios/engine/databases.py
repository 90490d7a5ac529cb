"""The store's database as the engine sees it: something to prepare once and to put back."""

import sqlite3
import subprocess
import sys
from abc import ABC, abstractmethod
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from scenarios.engine.keys import load_keys
from scenarios.engine.programs import Addresses, RunStore, Say, store_settings, without_password
from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import Sandbox, read_facts, write_facts
from scenarios.engine.snapshot import MIGRATIONS, code_for_data, pour, remove, snapshot_of, stamp_of

LAST_LINES = 15


@dataclass(frozen=True)
class StoreDatabase(ABC):
    """A database that the store can run on, by its SQLAlchemy URL, and what it is seeded with."""

    sandbox: Sandbox
    url: str
    seed: str = "standard"

    @property
    def shown(self) -> str:
        """Return its name for people: a path, or a URL without a password."""
        return without_password(self.url).removeprefix("sqlite:///")

    def prepare(self, run: RunStore, say: Say) -> None:
        """Make sure that the store can start on it; keep what is in it."""
        if self.is_empty():
            self.restore(run, say)
        elif read_facts(self._stamp_file, dict) != self._stamp:
            say("Migrating the database, since it or the migrations are not those of last time.")
            run("migrate", self.url)
            self.keep_stamp()

    @abstractmethod
    def is_empty(self) -> bool:
        """Tell whether there is nothing in it."""

    @abstractmethod
    def restore(self, run: RunStore, say: Say) -> None:
        """Put it back to the freshly seeded state."""

    def keep_stamp(self) -> None:
        """Note which migrations the database that was prepared last has seen."""
        write_facts(self._stamp_file, self._stamp)

    @property
    def _stamp(self) -> dict[str, str]:
        return {self.shown: stamp_of(self.sandbox.workspace, MIGRATIONS)}

    @property
    def _stamp_file(self) -> Path:
        return self.sandbox.state / "stamps.json"


class SqliteDatabase(StoreDatabase):
    """One file, restored from a snapshot that is taken once per state of schema and seeds."""

    def is_empty(self) -> bool:
        """Tell whether there is no table; what was cut off while it was made has none."""
        with closing(sqlite3.connect(self.shown)) as connection:
            return connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None

    def restore(self, run: RunStore, say: Say) -> None:
        """Put the snapshot's content into the file."""
        snapshot, file = snapshot_of(self.sandbox, self.seed, run, say), Path(self.shown)
        try:
            pour(snapshot, file)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            # One of them is not a database any more, so there is nothing in it to keep whole.
            remove(snapshot)
            snapshot = snapshot_of(self.sandbox, self.seed, run, say)
            remove(file)
            pour(snapshot, file)
        self.keep_stamp()


def flask_runner(sandbox: Sandbox) -> RunStore:
    """Return what runs a command of the store as a process, and refuses when it fails."""

    def run(command: str, url: str) -> None:
        done = subprocess.run(
            [sys.executable, "-B", "-m", "flask", "--app", "shop", *command.split()],
            cwd=code_for_data(sandbox),
            # The commands that migrate and seed call nobody, so any address does.
            env=store_settings(load_keys(sandbox), Addresses(), url),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            check=False,
        )
        if done.returncode != 0:
            lines = done.stdout.decode("utf-8", "backslashreplace").splitlines()
            raise RefusedError(
                f"`flask --app shop {command}` failed on {without_password(url)}.",
                lines[-LAST_LINES:],
            )

    return run


def open_database(sandbox: Sandbox, url: str | None, seed: str = "standard") -> StoreDatabase:
    """Return the database that a URL names, the sandbox's own file when there is none.

    :raises RefusedError: when the store cannot run on what the URL names.
    """
    url = url or f"sqlite:///{sandbox.database}"
    path = url.removeprefix("sqlite:///")
    if path != url and "?" not in path and not path.endswith(("/", ":memory:")):
        return SqliteDatabase(sandbox, f"sqlite:///{Path(path).absolute()}", seed)
    if url.startswith("postgresql"):
        from scenarios.engine.postgres import PostgresDatabase

        return PostgresDatabase(sandbox, url, seed)
    raise RefusedError(
        f"The store cannot run on {without_password(url)!r}: give "
        "postgresql+psycopg://USER@HOST/NAME or sqlite:///FILE."
    )
