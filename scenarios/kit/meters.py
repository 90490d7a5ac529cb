"""Count what a block asks of the database: statements, rows, bytes, commits.

    with measure(engine) as cost:
        client.get("/")
    assert len(cost.reads) <= 3

What goes past SQLAlchemy's cursors is not seen: statements on a raw connection of the driver, and
the rows that an INSERT of many rows gives back.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.engine import ExecutionContext

from scenarios.kit.statements import is_write, listening, touches

# A number, a moment or a truth value counts as many bytes, whatever the driver makes of it.
FLAT_BYTES = 8


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as the driver got it, with the values for its placeholders."""

    sql: str
    parameters: Any


@dataclass(slots=True)
class Cost:
    """What a block has asked of the database.

    `rows` were fetched, and `bytes` is the size of their values: of texts as UTF-8, of JSON as it
    is stored, nothing for NULL and `FLAT_BYTES` for everything else. `commits` and `rollbacks`
    count transactions, also those that only read.
    """

    statements: list[Statement] = field(default_factory=list)
    rows: int = 0
    bytes: int = 0
    commits: int = 0
    rollbacks: int = 0

    @property
    def writes(self) -> list[Statement]:
        """The statements that change rows."""
        return [each for each in self.statements if is_write(each.sql)]

    @property
    def reads(self) -> list[Statement]:
        """The other statements."""
        return [each for each in self.statements if not is_write(each.sql)]

    def touching(self, *tables: str) -> list[Statement]:
        """Return the statements that read or write one of the tables."""
        return [each for each in self.statements if touches(*tables)(each.sql)]


@contextmanager
def measure(engine: Engine) -> Iterator[Cost]:
    """Measure what the block asks of this database, whoever asks it."""
    cost = Cost()

    def note_statement(_: object, __: object, sql: str, parameters: Any, *___: object) -> None:
        cost.statements.append(Statement(sql, parameters))

    def count_rows(*arguments: Any) -> None:
        context: ExecutionContext = arguments[4]
        context.cursor = _CountingCursor(context.cursor, cost)  # type: ignore[assignment]

    def count_commit(_: object) -> None:
        cost.commits += 1

    def count_rollback(_: object) -> None:
        cost.rollbacks += 1

    listeners: dict[str, Callable[..., None]] = {
        "before_cursor_execute": note_statement,
        "after_cursor_execute": count_rows,
        "commit": count_commit,
        "rollback": count_rollback,
    }
    with listening(engine, listeners):
        yield cost


@contextmanager
def count_calls() -> Iterator[Counter[str]]:
    """Count the calls of functions of Python in the block, by module and qualified name."""
    calls: Counter[str] = Counter()

    def note(frame: FrameType, kind: str, _: object) -> None:
        if kind == "call":
            calls[f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}"] += 1

    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)


def checked_out(engine: Engine) -> int:
    """Return how many connections were taken from the pool and not given back."""
    count: int = engine.pool.checkedout()  # type: ignore[attr-defined]
    return count


class _CountingCursor:
    """The driver's cursor, whose rows are counted as they are fetched."""

    def __init__(self, cursor: Any, cost: Cost) -> None:
        self._cursor, self._cost = cursor, cost

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def fetchone(self) -> Any:
        row = self._cursor.fetchone()
        self._count([row] if row is not None else [])
        return row

    def fetchmany(self, size: int) -> Any:
        return self._count(self._cursor.fetchmany(size))

    def fetchall(self) -> Any:
        return self._count(self._cursor.fetchall())

    def _count(self, rows: Sequence[Any]) -> Sequence[Any]:
        self._cost.rows += len(rows)
        self._cost.bytes += sum(_size(value) for row in rows for value in row)
        return rows


def _size(value: object) -> int:
    if value is None:
        return 0
    if isinstance(value, dict | list):
        value = json.dumps(value)
    if isinstance(value, str):
        value = value.encode()
    return len(value) if isinstance(value, bytes | memoryview) else FLAT_BYTES
