"""The database: engine, sessions, the one way to end a transaction, and column types.

SQLite runs in WAL mode with pysqlite's default transaction mode: a SELECT takes no lock and the
first write opens the transaction. Services therefore read first and write after.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, ClassVar, TypeVar, cast

import sqlalchemy as sa
from flask import Flask, current_app, g
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.sql.selectable import TypedReturnsRows
from sqlalchemy.types import TypeDecorator

from shop.errors import NotFound

T = TypeVar("T")
_BUSY_TIMEOUT_MS = 30_000
_BROKEN_REFERENCE = ("23503", "SQLITE_CONSTRAINT_FOREIGNKEY")


class UTCDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime, also on SQLite, which stores no time zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError(f"a moment needs a time zone: {value!r}")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return value and (value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC))


class Model(DeclarativeBase):
    """Base of all tables; constraints get names, so that migrations can change them."""

    type_annotation_map: ClassVar = {datetime: UTCDateTime()}
    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


@contextmanager
def transaction(session: Session) -> Iterator[None]:
    """Commit what the block writes, or nothing of it.

    An earlier read has opened a transaction of its own, which is ended first; rows that were
    loaded by it expire.

    :raises NotFound: when somebody has just removed what the block refers to. A service reads that
        first, so nothing else breaks a foreign key.
    """
    session.rollback()
    try:
        with session.begin():
            yield
    except IntegrityError as error:
        if _code_of(error.orig) in _BROKEN_REFERENCE:
            raise NotFound(what="thing any more") from error
        raise


def get_one(session: Session, statement: TypedReturnsRows[T], what: str) -> T:
    """Return the first row that the statement finds, or that it has changed.

    :raises NotFound: when there is none; `what` names what was looked for.
    """
    row = session.scalars(statement).first()
    if row is None:
        raise NotFound(what=what)
    return row


def end_read(session: Session) -> None:
    """Give the connection back before a slow call to the outside world."""
    session.rollback()


def insert(session: Session, model: type[Model]) -> sqlite.Insert:
    """Return the database's own INSERT, the one that knows ON CONFLICT.

    PostgreSQL's has the same methods, and is imported where it is used: it takes 2.4 MB.
    """
    dialect = session.get_bind().dialect.name
    return cast(sqlite.Insert, import_module(f"sqlalchemy.dialects.{dialect}").insert(model))


def changed_rows(session: Session, statement: sa.Executable, **values: object) -> int:
    """Run an INSERT, UPDATE or DELETE, and return how many rows it changed.

    Rows that the session has loaded are not brought up to date. Without `preserve_rowcount` the
    count of an INSERT is -1 on PostgreSQL, which is neither 0 nor the truth.
    """
    session.flush()
    options = {"preserve_rowcount": True}
    return session.connection().execute(statement, values, execution_options=options).rowcount


def make_engine(url: str) -> sa.Engine:
    """Connect to SQLite or PostgreSQL; errors name a statement and never what was put into it."""
    engine = sa.create_engine(url, hide_parameters=True)
    sa.event.listen(engine, "handle_error", _hide_row_and_let_go)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _hide_row_and_let_go(context: sa.ExceptionContext) -> None:
    # Opened while nothing could be written, a connection stays so: it is closed, not used again.
    if _code_of(context.original_exception).startswith(("25006", "SQLITE_READONLY")):
        context.is_disconnect = True
    # PostgreSQL adds the row that it refuses, with every password hash and token in it.
    if context.sqlalchemy_exception:
        for error in (context.sqlalchemy_exception, context.original_exception):
            error.args = tuple(str(each).partition("\nDETAIL:")[0] for each in error.args)


def _code_of(error: BaseException | None) -> str:
    return str(getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", ""))


def _prepare_sqlite(connection: Any, _record: object) -> None:
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", f"busy_timeout={_BUSY_TIMEOUT_MS}"):
        connection.execute(f"PRAGMA {pragma}")


def init_app(app: Flask, url: str) -> None:
    """Give the application its sessions, one for each application context."""
    app.extensions["sessions"] = sessionmaker(make_engine(url))

    @app.teardown_appcontext
    def close_session(_error: BaseException | None) -> None:
        if session := g.pop("session", None):
            session.close()


def get_session() -> Session:
    """Return the session of the current application context, closed when that ends."""
    if "session" not in g:
        g.session = current_app.extensions["sessions"]()
    return cast(Session, g.session)
