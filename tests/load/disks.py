"""Disks that get full, and files that nobody may write any more: both need root."""

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

_CHUNK = bytes(64 * 1024)


class CannotRun(Exception):
    """This machine lacks something that a stage needs; the text says what."""


def need_root(what: str) -> None:
    """Make sure that we are root on Linux.

    :raises CannotRun: when we are not.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        raise CannotRun(f"{what} takes root on Linux")


@contextmanager
def folder_in_reach(prefix: str) -> Iterator[Path]:
    """Yield a folder that every user can get to, and delete it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """Mount a disk of a few megabytes in memory for as long as the block lasts.

    :raises CannotRun: for anybody but root.
    """
    need_root("mounting a small disk")
    with folder_in_reach("cartwreck-disk-") as folder:
        _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "cartwreck", folder)
        try:
            yield folder
        finally:
            _run("umount", folder)


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Leave no free byte on a disk for as long as the block lasts."""
    filler = disk / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            _write_until_full(file.fileno())
        yield
    finally:
        filler.unlink()


@contextmanager
def frozen(*files: Path) -> Iterator[None]:
    """Let nobody write files, not even those who have them open, for as long as the block lasts.

    :raises CannotRun: on a file system without this.
    """
    try:
        if subprocess.run(["chattr", "+i", *files], check=False).returncode:
            raise CannotRun("this file system has no immutable files")
        yield
    finally:
        # Where it did nothing there is nothing to undo, and a file that stays so cannot be deleted.
        subprocess.run(["chattr", "-i", *files], check=False)


def empty_journal(database: Path) -> None:
    """Write SQLite's journal into the database, since its next one would fit into its room."""
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _write_until_full(file: int) -> None:
    size = len(_CHUNK)
    while size:
        try:
            os.write(file, _CHUNK[:size])
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            size //= 2


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True)
