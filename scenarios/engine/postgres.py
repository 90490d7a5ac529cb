"""The store on PostgreSQL. Imported only when asked for, since SQLAlchemy takes time to load."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from scenarios.engine.databases import StoreDatabase, load_seed
from scenarios.engine.postgres_rows import put_rows_back, tables_in_order, take_rows
from scenarios.engine.programs import RunStore, Say
from scenarios.engine.refusal import RefusedError
from scenarios.engine.snapshot import find, keep, snapshot_path


class PostgresDatabase(StoreDatabase):
    """A database on a server; all of its schema `public` belongs to the store."""

    def restore(self, run: RunStore, say: Say) -> None:
        """Put the snapshot's rows into it, or drop everything in it, migrate and seed."""
        kept = find(self._wanted)
        with self._transaction() as connection:
            if kept and put_rows_back(connection, kept.read_text(encoding="utf-8")):
                return
            say(f"Dropping, migrating and seeding {self.shown}.")
            connection.execute(sa.text("DROP SCHEMA IF EXISTS public CASCADE"))
            connection.execute(sa.text("CREATE SCHEMA public"))
        run("migrate", self.url)
        self.keep_stamp()
        load_seed(self.seed, run, self.url)
        with TemporaryDirectory(dir=self.sandbox.snapshots) as folder:
            rows = Path(folder) / "rows.json"
            with self._transaction() as connection:
                rows.write_text(take_rows(connection), encoding="utf-8")
            keep(rows, self._wanted)

    @property
    def _wanted(self) -> Path:
        return snapshot_path(self.sandbox, self.seed, ".postgres")

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        try:
            engine = sa.create_engine(
                self.url, poolclass=sa.NullPool, connect_args={"connect_timeout": 5}
            )
            with engine.begin() as connection:
                connection.execute(sa.text("SET LOCAL lock_timeout = '5s'"))
                yield connection
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
            raise RefusedError(f"{self.shown} does not do what is asked: {reason}") from error

    def is_empty(self) -> bool:
        """Tell whether no table has a row."""
        with self._transaction() as connection:
            return not any(
                connection.scalar(sa.text(f"SELECT 1 FROM {table} LIMIT 1"))  # noqa: S608
                for table in tables_in_order(connection)
                if table != "alembic_version"
            )
