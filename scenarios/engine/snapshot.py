"""Snapshots of the seeded store, and what their content depends on.

A snapshot is a SQLite database that is renamed into place when it is whole.
"""

import hashlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from scenarios.engine.keys import load_keys
from scenarios.engine.programs import Addresses, RunStore, Say, store_settings, without_password
from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import Sandbox

MIGRATIONS = ("shop/migrations",)
# The seeds are priced by the domain's rules, and written by the services' functions.
SEEDS = ("shop/db.py", "shop/domain", "shop/models", *MIGRATIONS, "shop/services", "seed_data")
# Where these are the clean store's, its code fills the database: a bad commit must not have a part
# in what the learner finds there, nor an edit that does not even start.
SHAPE = ("shop/models", *MIGRATIONS, "seed_data")
MOST_SNAPSHOTS = 5
LAST_LINES = 15


def stamp_of(root: Path, sources: Iterable[str]) -> str:
    """Return a hash of files and of all files in folders."""
    digest = hashlib.sha256()
    for source in sources:
        for path in sorted([root / source, *(root / source).rglob("*")]):
            if path.is_file() and "__pycache__" not in path.parts:
                content = path.read_bytes()
                digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
                digest.update(content)
    return digest.hexdigest()[:20]


def code_for_data(sandbox: Sandbox) -> Path:
    """Return the folder of the store whose code makes and fills the database."""
    own = stamp_of(sandbox.workspace, SHAPE)
    is_other = sandbox.workspace.exists() and own != stamp_of(sandbox.root, SHAPE)
    return sandbox.workspace if is_other else sandbox.root


def name_of_seeds(sandbox: Sandbox, seed: str) -> str:
    """Name what a database holds that the store's code of now has freshly made and seeded."""
    return f"seeded-{seed}-{stamp_of(code_for_data(sandbox), SEEDS)}"


def snapshot_of(sandbox: Sandbox, seed: str, run: RunStore, say: Say) -> Path:
    """Return the snapshot of the store as its code is now, made if it is not there.

    Those that were not used for longest are deleted.
    """
    wanted = sandbox.snapshots / f"{name_of_seeds(sandbox, seed)}.sqlite3"
    with suppress(FileNotFoundError):
        os.utime(wanted)
        return wanted
    say("Migrating and seeding the store's database.")
    with TemporaryDirectory(dir=sandbox.snapshots) as folder:
        fresh, whole = Path(folder) / "building.sqlite3", Path(folder) / wanted.name
        migrate_and_seed(run, f"sqlite:///{fresh}", seed)
        pour(fresh, whole)
        whole.replace(wanted)
    found = sandbox.snapshots.glob("*.sqlite3")
    for old in sorted(found, key=lambda path: path.stat().st_mtime_ns)[:-MOST_SNAPSHOTS]:
        remove(old)
    return wanted


def migrate_and_seed(run: RunStore, url: str, seed: str) -> None:
    """Fill an empty database: `empty`, `standard`, or as many orders as `10k` says."""
    run("migrate", url)
    if seed != "empty":
        run("seed" if seed == "standard" else f"seed --scale {seed}", url)


def run_store(sandbox: Sandbox, command: str, url: str) -> None:
    """Run a command of the store, such as `migrate`, against the database with this URL.

    :raises RefusedError: when it fails.
    """
    done = subprocess.run(
        [sys.executable, "-B", "-m", "flask", "--app", "shop", *command.split()],
        cwd=code_for_data(sandbox),
        # The commands that migrate and seed call nobody, so any address does.
        env=store_settings(load_keys(sandbox), Addresses(), url),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        start_new_session=True,
        check=False,
    )
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).splitlines()
        sentence = f"`flask --app shop {command}` failed on {without_password(url)}."
        raise RefusedError(sentence, lines[-LAST_LINES:])


def remove(database: Path) -> None:
    """Delete a database with its write-ahead log."""
    for end in ("-journal", "-wal", "-shm", ""):
        database.with_name(database.name + end).unlink(missing_ok=True)


def pour(source: Path, target: Path) -> None:
    """Replace the content of the database `target` by that of `source`, in place.

    SQLite does it as one transaction of the target: an interruption leaves the old content, and
    a program that has the file open, such as a learner's shell, sees the new content next. A
    file put in its place would instead leave that program with the old file and the new file's
    write-ahead log, which is a known way to ruin both.

    :raises RefusedError: when another program keeps the target locked.
    """

    def refuse_if_locked(status: int, _remaining: int, _total: int) -> None:
        # SQLite has waited for as long as `timeout` says; sqlite3 would go on trying for ever.
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise RefusedError(
                f"Another program is writing to {target}: close it and run the command again."
            )

    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as old,
        closing(sqlite3.connect(target, timeout=5.0)) as new,
    ):
        old.backup(new, progress=refuse_if_locked)
