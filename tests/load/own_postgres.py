"""A PostgreSQL of a run's own, which can be stopped, crashed and denied disk space.

It listens on a free port of 127.0.0.1, trusts whoever comes, and is deleted afterwards. It never
runs as root, which PostgreSQL refuses: root starts it as the user `postgres`.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import create_engine, text

from tests.load.disks import CannotRun, folder_in_reach
from tests.ports import unused_port

Mode = Literal["fast", "immediate"]
_OWNER = "postgres"
_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")


@dataclass(frozen=True)
class OwnPostgres:
    """A server: `data` is where its tables are, and `place` has its log and its journal."""

    place: Path
    data: Path
    port: int

    @property
    def url(self) -> str:
        """Return the address of the database that every server has."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        log = self.place / "postgres.log"
        _run("pg_ctl", "start", "-w", "-D", self.data, "-l", log, "-o", options)

    def stop(self, mode: Mode) -> None:
        """Stop it: `fast` ends its connections in good order, `immediate` is a crash."""
        _run("pg_ctl", "stop", "-w", "-D", self.data, "-m", mode)

    def execute(self, *statements: str) -> None:
        """Run statements that change the whole server, each in a transaction of its own."""
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()


@contextmanager
def own_postgres(disk: Path | None = None) -> Iterator[OwnPostgres]:
    """Run a server for as long as the block lasts.

    :param disk: where its tables are to lie; its journal is elsewhere, since a PostgreSQL that
        cannot write its journal ends itself, as after a crash.
    :raises CannotRun: when there is no PostgreSQL on this machine, or nobody to run it as.
    """
    find_program("initdb")
    with folder_in_reach("cartwreck-postgres-") as place:
        server = OwnPostgres(place, (disk or place) / "data", unused_port())
        for folder in filter(None, (place, disk)):
            _give_away(folder)
        journal = ("--waldir", place / "journal", "--wal-segsize=1")
        sure = ("--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync")
        _run("initdb", "-D", server.data, *journal, *sure)
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")


def find_program(name: str) -> str:
    """Return where one of PostgreSQL's programs is.

    :raises CannotRun: when it is nowhere.
    """
    places = [path for pattern in _PLACES for path in sorted(Path("/").glob(pattern[1:]))]
    found = shutil.which(name, path=os.pathsep.join(map(str, reversed(places))))
    if found is None and (found := shutil.which(name)) is None:
        raise CannotRun(f"PostgreSQL's program {name} is not on this machine")
    return found


def _give_away(folder: Path) -> None:
    if os.geteuid() != 0:
        return
    try:
        shutil.chown(folder, _OWNER, _OWNER)
    except LookupError as error:
        raise CannotRun(f"there is no user {_OWNER}, and PostgreSQL refuses root") from error


def _run(name: str, *arguments: str | Path) -> None:
    demoted = {"user": _OWNER, "group": _OWNER, "extra_groups": []} if os.geteuid() == 0 else {}
    # The server must not keep the output open: whoever waits for its end would wait for ever.
    done = subprocess.run(
        [find_program(name), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        check=False,
        **demoted,  # type: ignore[call-overload]
    )
    if done.returncode:
        raise RuntimeError(f"{name} {arguments[0]} ended with status {done.returncode}.")
