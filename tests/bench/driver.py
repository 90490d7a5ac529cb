"""The bare driver of either database, one connection for each thread, set up as the store's are."""

import json
import threading
from datetime import UTC, datetime
from typing import Any

from shop.db import make_engine

Row = dict[str, Any]


class Driver:
    """SQL as text, rows as dictionaries; a placeholder is a question mark."""

    def __init__(self, url: str) -> None:
        self._engine = make_engine(url)
        self._own = threading.local()
        self.is_sqlite = self._engine.dialect.name == "sqlite"

    @property
    def connection(self) -> Any:
        """The connection of this thread."""
        if not hasattr(self._own, "connection"):
            self._own.kept = self._engine.raw_connection()
            self._own.connection = self._own.kept.driver_connection
        return self._own.connection

    def ask(self, sql: str, *values: object) -> list[Row]:
        """Send a statement that gives rows."""
        return self.repeat(sql if self.is_sqlite else sql.replace("?", "%s"), values)

    def repeat(self, sql: str, values: Any) -> list[Row]:
        """Send a statement as the store had sent it to its driver, values and all."""
        cursor = self.connection.cursor()
        cursor.execute(sql, values)
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        cursor.close()
        return rows

    def change(self, sql: str, *values: object) -> int:
        """Send a statement that changes rows, and return how many."""
        cursor = self.connection.cursor()
        cursor.execute(sql if self.is_sqlite else sql.replace("?", "%s"), values)
        changed: int = cursor.rowcount
        cursor.close()
        return changed

    def moment(self, at: datetime) -> Any:
        """Return a moment as the store writes it."""
        return f"{at:%Y-%m-%d %H:%M:%S.%f}" if self.is_sqlite else at

    def json(self, value: Row) -> str:
        """Return an object as the store writes it."""
        return json.dumps(value)


def read_moment(value: Any) -> datetime:
    """Return a moment that either driver has given."""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def read_json(value: Any) -> Row:
    """Return an object that either driver has given."""
    read: Row = json.loads(value) if isinstance(value, str) else value
    return read
