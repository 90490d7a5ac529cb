"""Copies of SQLite databases that are whole at every moment, and the stamp of a seeded store."""

import hashlib
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from scenarios.engine.refusal import RefusedError

SEED_FOLDERS = ("shop/models", "shop/migrations", "seed_data")
SECONDS_TO_WAIT = 5.0


def seed_stamp(root: Path) -> str:
    """Return a hash of all files that decide what a freshly seeded database holds."""
    digest = hashlib.sha256()
    for folder in SEED_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                content = path.read_bytes()
                digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
                digest.update(content)
    return digest.hexdigest()[:20]


def pour(source: Path, target: Path) -> None:
    """Replace the content of the database `target` by that of `source`, in place.

    SQLite does it as one transaction of the target: an interruption leaves the old content, and
    a program that has the file open, such as a learner's shell, sees the new content next. A
    file put in its place would instead leave that program with the old file and the new file's
    write-ahead log, which is a known way to ruin both.

    :raises RefusedError: when another program keeps the target locked.
    """
    try:
        _back_up(source, target)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        # The target is not a database any more, so there is nothing in it to keep whole.
        replace(source, target)


def replace(source: Path, target: Path) -> None:
    """Put a copy of the database `source` at `target`, where nothing of value is."""
    beside = target.with_name(f"{target.name}.part")
    remove(beside)
    _back_up(source, beside)
    for log in _logs(target):
        log.unlink(missing_ok=True)
    beside.replace(target)


def remove(database: Path) -> None:
    """Delete a database with its write-ahead log."""
    for path in (*_logs(database), database):
        path.unlink(missing_ok=True)


def _back_up(source: Path, target: Path) -> None:
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


def _logs(database: Path) -> tuple[Path, ...]:
    return tuple(database.with_name(database.name + end) for end in ("-journal", "-wal", "-shm"))
