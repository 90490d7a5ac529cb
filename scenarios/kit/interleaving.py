"""Two actors at once, the same on every run: B runs whole, just before one statement of A.

No thread and no sleep takes part. Each actor has a context and a connection of its own, as two
processes would have.

    race = interleave(first.send_order, second.send_order, before=is_write)
    assert [race.a.is_refused, race.b.is_refused].count(True) == 1

Let B run before A's first write. After it, A holds locks that B would have to wait for, and where B
waits it cannot show a race.
"""

from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine, ExceptionContext
from werkzeug.test import TestResponse

from scenarios.kit.outcomes import CheckBroken
from scenarios.kit.pages import tell
from scenarios.kit.statements import COMMIT, ROLLBACK, Predicate, is_write, listening
from shop.errors import GatewayUnavailable, NotYet, Refusal

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")

_REFUSALS = (Refusal, GatewayUnavailable, NotYet)
# PostgreSQL's codes for a transaction that it will not run beside another, and for a lock that
# was not to be had in time.
_SERIALIZATION_FAILURE, _LOCK_NOT_AVAILABLE = "40001", "55P03"
_LOCK_TIMEOUT_MS = 200


@dataclass(frozen=True, slots=True)
class Ending(Generic[T]):
    """What became of one actor: the `result` it returned, or the `refusal` it was raised.

    An HTTP answer is a result, whatever its status.
    """

    result: T | None = None
    refusal: Exception | None = None

    @property
    def is_refused(self) -> bool:
        """Whether the store said no, by an error with a name or by a status 4xx, 502 or 503.

        A 500 is not a refusal: it is a store that broke.
        """
        answer = self.result
        if not isinstance(answer, TestResponse):
            return self.refusal is not None
        return 400 <= answer.status_code < 500 or answer.status_code in (502, 503)

    def __str__(self) -> str:
        """Say it to whoever reads why a check is broken."""
        answer = self.result
        return tell(answer) if isinstance(answer, TestResponse) else repr(self.refusal or answer)


@dataclass(frozen=True, slots=True)
class Race(Generic[A, B]):
    """How both actors ended; `b_waited` when B met a lock of A, and so ran again after it."""

    a: Ending[A]
    b: Ending[B]
    b_waited: bool


def interleave(
    a: Callable[[], A],
    b: Callable[[], B],
    before: Predicate = is_write,
    nth: int = 1,
    *,
    or_after: bool = False,
    may_wait: bool = False,
) -> Race[A, B]:
    """Let A act, and B just before A's `nth` statement of this kind.

    Where B meets a lock that A took by reading (FOR UPDATE, BEGIN IMMEDIATE), it has to wait, so it
    is called again when A is done: what B does outside the database must bear being done twice.

    :param before: is asked for each statement of A, and with `before_commit` for each commit.
    :param or_after: whether B runs after A, when A sends no such statement.
    :param may_wait: whether B may meet locks that A took by writing.
    :raises CheckBroken: when B never ran, when either raised something that the store has no name
        for, or when B met a lock and may not.
    """
    stage = _Stage(b, before, nth)
    with listening(Engine, stage.listeners):
        end_of_a = Context().run(_act, a, "A")
    if stage.is_blocked and stage.a_has_written and not may_wait:
        raise CheckBroken(
            "B met a lock that A had taken by writing (SQLite says: database is locked), and a B "
            "that waits shows no race. Let it run before A's first write, or say may_wait=True."
        )
    if stage.is_blocked or (or_after and stage.end_of_b is None):
        stage.run_b()
    if stage.end_of_b is None:
        raise CheckBroken(
            f"B never ran: A sent fewer than {nth} such statements, and ended with {end_of_a}."
        )
    if isinstance(stage.end_of_b, CheckBroken):
        raise stage.end_of_b
    return Race(end_of_a, stage.end_of_b, stage.is_blocked)


class _Stage(Generic[B]):
    """Watches what A sends to the database, and lets B run when its moment has come."""

    def __init__(self, b: Callable[[], B], before: Predicate, nth: int) -> None:
        self._b, self._before, self._left = b, before, nth
        self.a_has_written = self.is_blocked = self._is_on = False
        # What goes wrong with B is kept until A is done: A might swallow it.
        self.end_of_b: Ending[B] | CheckBroken | None = None

    @property
    def listeners(self) -> dict[str, Callable[..., None]]:
        """What has to be heard of every engine, as B may have an application of its own."""
        return {
            "begin": _limit_waits,
            "before_cursor_execute": lambda _connection, _cursor, sql, *_: self._meet(sql),
            "commit": lambda connection: self._meet_end(connection, COMMIT),
            "rollback": lambda connection: self._meet_end(connection, ROLLBACK),
            "handle_error": self._note_lock,
        }

    def run_b(self) -> None:
        """Let B run in a context of its own: in that of A, a request would share A's session."""
        self._is_on = True
        try:
            self.end_of_b = Context().run(_act, self._b, "B")
        except CheckBroken as broken:
            self.end_of_b = broken
        self._is_on = False

    def _meet(self, sql: str) -> None:
        if self._is_on or self.end_of_b:
            return
        self._left -= self._before(sql)
        if self._left == 0:
            self.run_b()
        elif sql in (COMMIT, ROLLBACK):
            self.a_has_written = False
        else:
            self.a_has_written |= is_write(sql)

    def _meet_end(self, connection: Connection, sql: str) -> None:
        self._meet(sql)
        _lift_limit(connection)

    def _note_lock(self, context: ExceptionContext) -> None:
        if self._is_on:
            error = context.original_exception
            is_locked = "database is locked" in str(error)
            self.is_blocked |= is_locked or getattr(error, "sqlstate", "") == _LOCK_NOT_AVAILABLE


def _act(actor: Callable[[], T], name: str) -> Ending[T]:
    try:
        return Ending(result=actor())
    except _REFUSALS as refusal:
        return Ending(refusal=refusal)
    except Exception as error:
        if getattr(getattr(error, "orig", error), "sqlstate", "") == _SERIALIZATION_FAILURE:
            return Ending(refusal=error)
        raise CheckBroken(f"{name} raised what the store has no name for: {error!r}") from error


def _limit_waits(connection: Connection) -> None:
    """Let both give up at a lock: whoever holds it is the other, who stands still meanwhile."""
    if connection.dialect.name == "postgresql":
        _tell(connection, f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT_MS}")
    else:
        [connection.info["busy_timeout"]] = _tell(connection, "PRAGMA busy_timeout")
        _tell(connection, "PRAGMA busy_timeout = 0")


def _lift_limit(connection: Connection) -> None:
    if (milliseconds := connection.info.pop("busy_timeout", None)) is not None:
        _tell(connection, f"PRAGMA busy_timeout = {milliseconds}")


def _tell(connection: Connection, sql: str) -> Any:
    """Send a statement past the listeners, and return its first row, if it has any."""
    cursor = connection.connection.cursor()
    cursor.execute(sql)
    row = cursor.fetchone() if cursor.description else None
    cursor.close()
    return row
