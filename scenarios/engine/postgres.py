"""The store on PostgreSQL. Imported only when asked for, since SQLAlchemy takes time to load."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from scenarios.engine.databases import code_for_data, seed_command
from scenarios.engine.postgres_rows import put_rows_back, take_rows
from scenarios.engine.programs import RunStore, Say, without_password
from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import Sandbox, write_whole
from scenarios.engine.snapshot import SEEDS, is_whole, seal, stamp_of


@dataclass(frozen=True)
class PostgresDatabase:
    """A database on a server; all of its schema `public` belongs to the store."""

    sandbox: Sandbox
    url: str
    seed: str = "standard"

    @property
    def shown(self) -> str:
        """Return its URL without the password."""
        return without_password(self.url)

    def prepare(self, run: RunStore, say: Say) -> None:
        """Migrate it, and seed it when no table has a row."""
        say(f"Migrating {self.shown}.")
        with self._transaction():
            pass
        run("migrate", self.url)
        if self._is_empty():
            say("Seeding it.")
            run(seed_command(self.seed), self.url)
            self._keep_snapshot()

    def restore(self, run: RunStore, say: Say) -> None:
        """Put the snapshot's rows into it, or drop everything in it, migrate and seed."""
        if self._pour_snapshot():
            return
        say(f"Dropping, migrating and seeding {self.shown}.")
        with self._transaction() as connection:
            connection.execute(sa.text("DROP SCHEMA IF EXISTS public CASCADE"))
            connection.execute(sa.text("CREATE SCHEMA public"))
        run("migrate", self.url)
        run(seed_command(self.seed), self.url)
        self._keep_snapshot()

    def _pour_snapshot(self) -> bool:
        snapshot = self._snapshot
        if not is_whole(snapshot):
            return False
        with self._transaction() as connection:
            return put_rows_back(connection, snapshot.read_text(encoding="utf-8"))

    def _keep_snapshot(self) -> None:
        with self._transaction() as connection:
            write_whole(self._snapshot, take_rows(connection))
        seal(self._snapshot)

    @property
    def _snapshot(self) -> Path:
        stamp = stamp_of(code_for_data(self.sandbox), SEEDS)
        return self.sandbox.snapshots / f"seeded-{self.seed}-{stamp}.postgres"

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        try:
            with self._engine().begin() as connection:
                connection.execute(sa.text("SET LOCAL lock_timeout = '5s'"))
                yield connection
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
            raise RefusedError(f"{self.shown} does not do what is asked: {reason}") from error

    def _is_empty(self) -> bool:
        engine = self._engine()
        names = [name for name in sa.inspect(engine).get_table_names() if name != "alembic_version"]
        with engine.connect() as connection:
            return not any(
                connection.execute(
                    sa.select(sa.literal(1)).select_from(sa.table(name)).limit(1)
                ).first()
                for name in names
            )

    def _engine(self) -> sa.Engine:
        return sa.create_engine(
            self.url, poolclass=sa.NullPool, connect_args={"connect_timeout": 5}
        )
