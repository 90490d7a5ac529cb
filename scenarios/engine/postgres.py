"""The store on PostgreSQL. Imported only when asked for, since SQLAlchemy takes time to load."""

from dataclasses import dataclass

import sqlalchemy as sa

from scenarios.engine.programs import RunStore, Say, without_password
from scenarios.engine.refusal import RefusedError


@dataclass(frozen=True)
class PostgresDatabase:
    """A database on a server; all of its schema `public` belongs to the store."""

    url: str

    @property
    def shown(self) -> str:
        """Return its URL without the password."""
        return without_password(self.url)

    def prepare(self, run: RunStore, say: Say) -> None:
        """Migrate it, and seed it when no table has a row."""
        say(f"Migrating {self.shown}.")
        self._execute([])
        run("migrate", self.url)
        if self._is_empty():
            say("Seeding it.")
            run("seed", self.url)

    def restore(self, run: RunStore, say: Say) -> None:
        """Drop everything in it, migrate and seed."""
        say(f"Dropping, migrating and seeding {self.shown}.")
        self._execute(["DROP SCHEMA IF EXISTS public CASCADE", "CREATE SCHEMA public"])
        run("migrate", self.url)
        run("seed", self.url)

    def _execute(self, statements: list[str]) -> None:
        try:
            with self._engine().begin() as connection:
                connection.execute(sa.text("SET LOCAL lock_timeout = '5s'"))
                for statement in statements:
                    connection.execute(sa.text(statement))
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
