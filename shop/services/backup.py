"""Copy the store into one file, and from the file into an empty database of either kind.

The file is a zip archive: for each table a member with a line of JSON for each row, and a manifest
with the rows and the SHA-256 of each member. The tables are those of the models, so none can be
forgotten. Both databases give the same lines in the same order, so a restored store has the sums of
the one that was copied.
"""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile

from sqlalchemy import LargeBinary, String, Table, func, select, text
from sqlalchemy.orm import Session

import shop.models  # noqa: F401  (makes the tables known)
from shop.db import Model, UTCDateTime, transaction
from shop.errors import BackupRefused, NotFound

# The rows and the SHA-256 of each table.
Sums = dict[str, list[Any]]

# Each behind those that its rows refer to.
_TABLES = Model.metadata.sorted_tables
# So many rows are in memory at a time; some hold a picture.
_BATCH = 100
_FROM_TEXT: dict[type, Any] = {UTCDateTime: datetime.fromisoformat, LargeBinary: b64decode}


def write_backup(session: Session, file: Path, revision: str) -> Sums:
    """Write all tables as they stand at one moment.

    The file gets its name once it has been read again and found whole. It holds what the database
    holds, so only its owner may read it. `revision` is that of this release.

    :raises BackupRefused: when there is no backup, with why.
    """
    if file.exists():
        raise BackupRefused(why=f"{file} is there already. Choose another name.")
    part = file.with_name(f"{file.name}.part")
    try:
        with open(part, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as target:
            with transaction(session), ZipFile(target, "w", ZIP_DEFLATED) as archive:
                _begin_snapshot(session)
                _check_revision(session, revision)
                sums = {t.name: _write_table(session, t, archive) for t in _TABLES}
                archive.writestr("manifest.json", json.dumps({"revision": revision, "sums": sums}))
            target.flush()
            os.fsync(target.fileno())
        check_backup(part, revision)
        part.replace(file)
    except OSError as error:
        raise BackupRefused(why=f"{file} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)
    return sums


def check_backup(file: Path, revision: str) -> Sums:
    """Read a backup from end to end.

    :raises BackupRefused: when it is damaged, none at all, or another release's.
    """
    try:
        with ZipFile(file) as archive:
            manifest = json.loads(archive.read("manifest.json"))
            if (found := manifest["revision"]) != revision:
                raise ValueError(f"it was written at revision {found}, not {revision}")
            sums = {table.name: _read_table(table, archive) for table in _TABLES}
            if sums != manifest["sums"]:
                raise ValueError("its rows are not those that were written")
    except Exception as error:
        # A damaged archive raises whatever its bytes lead to, and none of it is a bug of ours.
        said = error.strerror if isinstance(error, OSError) else error
        why = f"{file} is no backup that this release can restore: {said}."
        raise BackupRefused(why=why) from error
    return sums


def restore_backup(session: Session, file: Path, revision: str, sums: Sums) -> None:
    """Fill an empty database from a backup, and read it all again.

    :param sums: what `check_backup` has found in the file.
    :raises BackupRefused: when nothing was restored, with why.
    """
    try:
        _fill_tables(session, file, revision, sums)
    except NotFound as error:
        raise BackupRefused(why=f"{file} has rows that refer to none.") from error


def _fill_tables(session: Session, file: Path, revision: str, sums: Sums) -> None:
    with transaction(session), ZipFile(file) as archive:
        _check_revision(session, revision)
        if filled := [t.name for t in _TABLES if session.execute(select(t).limit(1)).first()]:
            raise BackupRefused(why=f"The database has rows already: {', '.join(filled)}.")
        for table in _TABLES:
            with archive.open(f"{table.name}.jsonl") as lines:
                while batch := [_read_line(table, line) for line in islice(lines, _BATCH)]:
                    session.execute(table.insert(), batch)
            if _add_up(_make_lines(session, table)) != sums[table.name]:
                raise BackupRefused(why=f"{table} came back with other rows than it had.")
        _advance_sequences(session)


def _begin_snapshot(session: Session) -> None:
    """Let every read of this transaction see the same moment."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    else:
        session.execute(text("BEGIN"))


def _check_revision(session: Session, revision: str) -> None:
    found = session.scalar(text("SELECT version_num FROM alembic_version"))
    if found != revision:
        why = f"The database is at revision {found} and this release at {revision}: migrate first."
        raise BackupRefused(why=why)


def _write_table(session: Session, table: Table, archive: ZipFile) -> list[Any]:
    with archive.open(f"{table.name}.jsonl", "w", force_zip64=True) as member:
        return _add_up(_make_lines(session, table), member)


def _read_table(table: Table, archive: ZipFile) -> list[Any]:
    with archive.open(f"{table.name}.jsonl") as member:
        return _add_up(member)


def _make_lines(session: Session, table: Table) -> Iterator[bytes]:
    # By the bytes of its keys, since each database and each language sorts texts differently.
    order = "C" if session.get_bind().dialect.name == "postgresql" else "BINARY"
    keys = [k.collate(order) if isinstance(k.type, String) else k for k in table.primary_key]
    rows = session.execute(select(table).order_by(*keys).execution_options(yield_per=_BATCH))
    for row in rows.mappings():
        yield json.dumps(dict(row), default=_make_text, sort_keys=True).encode() + b"\n"


def _make_text(value: datetime | bytes) -> str:
    return value.isoformat() if isinstance(value, datetime) else b64encode(value).decode()


def _read_line(table: Table, line: bytes) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(line)
    for name, value in row.items():
        if value is not None and (read := _FROM_TEXT.get(type(table.c[name].type))):
            row[name] = read(value)
    return row


def _add_up(lines: Iterable[bytes], copy: IO[bytes] | None = None) -> list[Any]:
    rows, digest = 0, sha256()
    for line in lines:
        rows += 1
        digest.update(line)
        if copy:
            copy.write(line)
    return [rows, digest.hexdigest()]


def _advance_sequences(session: Session) -> None:
    """Let PostgreSQL number new rows behind those that came with their numbers."""
    if session.get_bind().dialect.name == "postgresql":
        for key in (table.autoincrement_column for table in _TABLES):
            if key is not None:
                sequence = func.pg_get_serial_sequence(key.table.name, key.name)
                session.execute(select(func.setval(sequence, func.max(key))))
