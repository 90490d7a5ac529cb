"""What can happen to a database while a store runs on it, each as it really happens.

A fault prepares a place for the database, and yields what breaks it for as long as a block lasts.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from tests.load.disks import empty_journal, folder_in_reach, frozen, full, need_root, small_disk
from tests.load.own_postgres import Mode, OwnPostgres, own_postgres

MEGABYTES_FOR_SQLITE, MEGABYTES_FOR_POSTGRES = 48, 192


@dataclass(frozen=True)
class Site:
    """Where the database is: on a server, or as a file of SQLite on a disk."""

    server: str | None
    disk: Path | None
    broken: Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True)
class Fault:
    """A fault by the kind of database that it befalls; `can_read` tells what is left meanwhile."""

    name: str
    on: str
    can_read: bool
    prepare: Callable[[], AbstractContextManager[Site]]


@contextmanager
def _full_sqlite() -> Iterator[Site]:
    with small_disk(MEGABYTES_FOR_SQLITE) as disk:

        @contextmanager
        def broken(url: str) -> Iterator[None]:
            empty_journal(_file_of(url))
            with full(disk):
                yield

        yield Site(None, disk, broken)


@contextmanager
def _read_only_sqlite() -> Iterator[Site]:
    def broken(url: str) -> AbstractContextManager[None]:
        file = _file_of(url)
        # The third file, -shm, is memory that readers share, and they write to it.
        return frozen(file, file.with_name(f"{file.name}-wal"))

    need_root("making a file immutable")
    with folder_in_reach("cartwreck-disk-") as folder:
        yield Site(None, folder, broken)


@contextmanager
def _full_postgres() -> Iterator[Site]:
    with small_disk(MEGABYTES_FOR_POSTGRES) as disk, own_postgres(disk) as server:
        yield Site(server.url, None, lambda _url: full(disk))


@contextmanager
def _read_only_postgres() -> Iterator[Site]:
    with own_postgres() as server:
        yield Site(server.url, None, lambda url: _read_only(server, str(make_url(url).database)))


@contextmanager
def _read_only(server: OwnPostgres, name: str) -> Iterator[None]:
    setting = f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'
    # The setting is for new connections: those that are there are ended.
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"
    server.execute(setting, ended.format(name))
    try:
        yield
    finally:
        # Nobody ends the connections now: it is for the store to part with them.
        server.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')


def _away(mode: Mode) -> Callable[[], AbstractContextManager[Site]]:
    @contextmanager
    def prepare() -> Iterator[Site]:
        with own_postgres() as server:
            yield Site(server.url, None, lambda _url: _stopped(server, mode))

    return prepare


@contextmanager
def _stopped(server: OwnPostgres, mode: Mode) -> Iterator[None]:
    server.stop(mode)
    try:
        yield
    finally:
        server.start()


def _file_of(url: str) -> Path:
    return Path(str(make_url(url).database))


_ALL = (
    Fault("disk-full", "sqlite", True, _full_sqlite),
    Fault("read-only", "sqlite", True, _read_only_sqlite),
    Fault("disk-full", "postgresql", True, _full_postgres),
    Fault("read-only", "postgresql", True, _read_only_postgres),
    Fault("restart", "postgresql", False, _away("fast")),
    Fault("crash", "postgresql", False, _away("immediate")),
)
FAULTS: Mapping[str, Mapping[str, Fault]] = {
    kind: {fault.name: fault for fault in _ALL if fault.on == kind}
    for kind in ("sqlite", "postgresql")
}
