"""Copies of SQLite databases that are whole at every moment, and how snapshots are told apart.

A snapshot has a seal beside it, the hash of its content: without it, or with another, it is taken
for damaged and made anew.
"""

import hashlib
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import write_whole

MIGRATIONS = ("shop/migrations",)
# The seeds are priced by the domain's rules, and written by the services' functions.
SEEDS = ("shop/db.py", "shop/domain", "shop/models", *MIGRATIONS, "shop/services", "seed_data")
MOST_SNAPSHOTS = 3
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


def seal(snapshot: Path) -> None:
    """Declare a snapshot whole, and delete the oldest: those that were not used for longest."""
    write_whole(_seal(snapshot), _hash(snapshot))
    snapshots = sorted(snapshot.parent.glob(f"seeded-*{snapshot.suffix}"), key=_used_at)
    for old in snapshots[:-MOST_SNAPSHOTS]:
        _seal(old).unlink(missing_ok=True)
        remove(old)


def is_whole(snapshot: Path) -> bool:
    """Tell whether a snapshot is there as it was when it was made, and note that it is used."""
    try:
        if _seal(snapshot).read_text(encoding="utf-8") != _hash(snapshot):
            return False
        snapshot.touch()
    except (FileNotFoundError, UnicodeDecodeError):
        return False
    return True


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _seal(snapshot: Path) -> Path:
    return snapshot.with_name(f"{snapshot.name}.sha256")


def _used_at(path: Path) -> int:
    return path.stat().st_mtime_ns


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
