"""The store's database as the engine sees it: something to prepare once and to put back."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from scenarios.engine.keys import load_keys
from scenarios.engine.programs import (
    LOOPBACK,
    Addresses,
    RunStore,
    Say,
    store_settings,
    without_password,
)
from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import Sandbox, write_whole
from scenarios.engine.snapshot import MIGRATIONS, SEEDS, is_whole, pour, replace, seal, stamp_of

LAST_LINES = 15
# Where these are the clean store's, its code fills the database: a bad commit must not have a part
# in what the learner finds there, nor an edit that does not even start.
SHAPE = ("shop/models", *MIGRATIONS, "seed_data")


class StoreDatabase(Protocol):
    """A database that the store can run on."""

    @property
    def url(self) -> str:
        """Return its SQLAlchemy URL."""

    @property
    def shown(self) -> str:
        """Return its name for people, without a password."""

    def prepare(self, run: RunStore, say: Say) -> None:
        """Make sure that the store can start on it; keep what is in it."""

    def restore(self, run: RunStore, say: Say) -> None:
        """Put it back to the freshly seeded state."""


@dataclass(frozen=True)
class SqliteDatabase:
    """One file, restored from a snapshot that is taken once per state of schema and seeds."""

    sandbox: Sandbox
    path: Path
    seed: str = "standard"

    @property
    def url(self) -> str:
        """Return its SQLAlchemy URL."""
        return f"sqlite:///{self.path}"

    @property
    def shown(self) -> str:
        """Return its name for people."""
        return str(self.path)

    def prepare(self, run: RunStore, say: Say) -> None:
        """Create the file seeded, or migrate it when the migrations have changed."""
        if not self.path.exists() or self.path.stat().st_size == 0:
            replace(self._snapshot(run, say), self.path)
        elif self._stamps().get(str(self.path)) != self._schema_stamp:
            say("Migrating the database, since the migrations have changed.")
            run("migrate", self.url)
        else:
            return
        self._keep_stamp()

    def restore(self, run: RunStore, say: Say) -> None:
        """Put the snapshot's content into the file."""
        pour(self._snapshot(run, say), self.path)
        self._keep_stamp()

    def _snapshot(self, run: RunStore, say: Say) -> Path:
        """Return the snapshot of the store as its code is now, made if it is not there."""
        stamp = stamp_of(code_for_data(self.sandbox), SEEDS)
        snapshot = self.sandbox.snapshots / f"seeded-{self.seed}-{stamp}.sqlite3"
        if not is_whole(snapshot):
            damaged = "The snapshot of the seeded database is damaged. " * snapshot.exists()
            say(f"{damaged}Migrating and seeding the store's database.")
            _build(self.sandbox, run, snapshot, self.seed)
            seal(snapshot)
        return snapshot

    @property
    def _schema_stamp(self) -> str:
        return stamp_of(self.sandbox.workspace, MIGRATIONS)

    def _stamps(self) -> dict[str, str]:
        try:
            return dict(json.loads(self._stamps_path.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return {}

    def _keep_stamp(self) -> None:
        stamps = self._stamps() | {str(self.path): self._schema_stamp}
        write_whole(self._stamps_path, json.dumps(stamps, indent=2) + "\n")

    @property
    def _stamps_path(self) -> Path:
        return self.sandbox.state / "stamps.json"


def _build(sandbox: Sandbox, run: RunStore, target: Path, seed: str | None) -> None:
    with TemporaryDirectory(dir=sandbox.snapshots) as folder:
        fresh = Path(folder) / "building.sqlite3"
        run("migrate", f"sqlite:///{fresh}")
        if seed:
            run(seed_command(seed), f"sqlite:///{fresh}")
        replace(fresh, target)


def make_database(sandbox: Sandbox, path: Path, is_seeded: bool) -> None:
    """Make a SQLite database with the clean store's tables, and with the standard store in it."""
    nowhere = store_settings(load_keys(sandbox), Addresses(LOOPBACK, 5000, 5002, 5025), "")
    _build(sandbox, flask_runner(sandbox, nowhere), path, "standard" if is_seeded else None)


def code_for_data(sandbox: Sandbox) -> Path:
    """Return the folder of the store whose code makes and fills the database."""
    own = stamp_of(sandbox.workspace, SHAPE)
    is_other = sandbox.workspace.exists() and own != stamp_of(sandbox.root, SHAPE)
    return sandbox.workspace if is_other else sandbox.root


def seed_command(seed: str) -> str:
    """Return the store's command for a seed, `standard` or a number of orders."""
    return "seed" if seed == "standard" else f"seed --scale {seed}"


def flask_runner(sandbox: Sandbox, settings: dict[str, str]) -> RunStore:
    """Return what runs a command of the store as a process, and refuses when it fails."""

    def run(command: str, url: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "shop", *command.split()],
            cwd=code_for_data(sandbox),
            env=settings | {"SHOP_DATABASE_URL": url, "PYTHONDONTWRITEBYTECODE": "1"},
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
    if url is None:
        return SqliteDatabase(sandbox, sandbox.database, seed)
    if url.startswith("sqlite:///") and "?" not in url and not url.endswith(("/", ":memory:")):
        return SqliteDatabase(sandbox, Path(url.removeprefix("sqlite:///")).absolute(), seed)
    if url.startswith("postgresql"):
        from scenarios.engine.postgres import PostgresDatabase

        return PostgresDatabase(sandbox, url, seed)
    raise RefusedError(
        f"The store cannot run on {without_password(url)!r}: give "
        "postgresql+psycopg://USER@HOST/NAME or sqlite:///FILE."
    )
