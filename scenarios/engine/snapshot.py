"""Copies of SQLite databases that are whole at every moment, and how snapshots are told apart.

The name of a snapshot ends with the hash of its content: with another content it is taken for
damaged and made anew. What it is wanted for is its name without that.
"""

import hashlib
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path

from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import Sandbox

MIGRATIONS = ("shop/migrations",)
# The seeds are priced by the domain's rules, and written by the services' functions.
SEEDS = ("shop/db.py", "shop/domain", "shop/models", *MIGRATIONS, "shop/services", "seed_data")
# Where these are the clean store's, its code fills the database: a bad commit must not have a part
# in what the learner finds there, nor an edit that does not even start.
SHAPE = ("shop/models", *MIGRATIONS, "seed_data")
MOST_SNAPSHOTS = 5
SECONDS_TO_WAIT = 5.0


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


def snapshot_path(sandbox: Sandbox, seed: str, suffix: str) -> Path:
    """Return what a snapshot of the store as its code is now is wanted for."""
    return sandbox.snapshots / f"seeded-{seed}-{stamp_of(code_for_data(sandbox), SEEDS)}{suffix}"


def keep(made: Path, wanted: Path) -> Path:
    """Make a file a snapshot, and delete the oldest: those that were not used for longest."""
    snapshot = made.replace(_sealed(wanted, made))
    for old in _last_used_first(wanted, f"*{wanted.suffix}")[MOST_SNAPSHOTS:]:
        remove(old)
    return snapshot


def find(wanted: Path) -> Path | None:
    """Return a snapshot that is as it was when it was made, and note that it is used."""
    for snapshot in made_for(wanted):
        with suppress(FileNotFoundError):
            if snapshot == _sealed(wanted, snapshot):
                snapshot.touch()
                return snapshot
    return None


def made_for(wanted: Path) -> list[Path]:
    """Return the snapshots that there are, whole or damaged, the one that was used last first."""
    return _last_used_first(wanted, f"{wanted.stem}-*{wanted.suffix}")


def _last_used_first(wanted: Path, pattern: str) -> list[Path]:
    found = wanted.parent.glob(pattern)
    return sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)


def _sealed(wanted: Path, content: Path) -> Path:
    with content.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return wanted.with_stem(f"{wanted.stem}-{digest}")


def pour(source: Path, target: Path) -> None:
    """Replace the content of the database `target` by that of `source`, in place.

    SQLite does it as one transaction of the target: an interruption leaves the old content, and
    a program that has the file open, such as a learner's shell, sees the new content next. A
    file put in its place would instead leave that program with the old file and the new file's
    write-ahead log, which is a known way to ruin both.

    :raises RefusedError: when another program keeps the target locked.
    """
    try:
        copy(source, target)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        # The target is not a database any more, so there is nothing in it to keep whole.
        replace(source, target)


def replace(source: Path, target: Path) -> None:
    """Put a copy of the database `source` at `target`, where nothing of value is."""
    beside = target.with_name(f"{target.name}.part")
    remove(beside)
    copy(source, beside)
    remove(target)
    beside.replace(target)


def remove(database: Path) -> None:
    """Delete a database with its write-ahead log."""
    for end in ("-journal", "-wal", "-shm", ""):
        database.with_name(database.name + end).unlink(missing_ok=True)


def copy(source: Path, target: Path) -> None:
    """Copy the content of a database into another, in one transaction of that.

    :raises RefusedError: when another program keeps the target locked.
    """
    deadline = time.monotonic() + SECONDS_TO_WAIT

    def give_up_in_time(status: int, _remaining: int, _total: int) -> None:
        # Without it sqlite3 tries for ever to get a locked database.
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > deadline:
            raise RefusedError(
                f"Another program is writing to {target}: close it and run the command again."
            )

    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new, progress=give_up_in_time)
