"""Two actors at once, the same on every run: B runs whole, just before one statement of A.

No thread and no sleep takes part. Each actor has a connection and a context of its own, as two
processes would have.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from typing import Generic, TypeVar

from sqlalchemy import Engine, event

T = TypeVar("T")
_WRITES = ("INSERT", "UPDATE", "DELETE")


class Outcome(Generic[T]):
    """What actor B returned or refused; to ask before B has run is an error."""

    def __init__(self) -> None:
        self.results: list[T] = []
        self.errors: list[Exception] = []

    @property
    def has_run(self) -> bool:
        return bool(self.results or self.errors)


def is_write(statement: str) -> bool:
    """Tell whether a statement changes rows."""
    return statement.startswith(_WRITES)


@contextmanager
def interleave(
    engine: Engine, actor: Callable[[], T], before: Callable[[str], bool] = is_write
) -> Iterator[Outcome[T]]:
    """Run actor B just before the first such statement of the block, which is actor A.

    :raises RuntimeError: when A sent none, so that B never ran and nothing was shown.
    """
    outcome: Outcome[T] = Outcome()
    is_started = False

    def run_actor(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal is_started
        if is_started or not before(statement):
            return
        is_started = True
        # In A's own context, a request of B would share A's session.
        try:
            outcome.results.append(Context().run(actor))
        except Exception as error:
            outcome.errors.append(error)

    event.listen(engine, "before_cursor_execute", run_actor)
    try:
        yield outcome
    finally:
        event.remove(engine, "before_cursor_execute", run_actor)
    if not outcome.has_run:
        raise RuntimeError("The check is broken: the second actor never ran.")


def limit_lock_waits(engine: Engine) -> None:
    """Let PostgreSQL refuse an actor that waits for the other, which waits for it."""

    def set_timeout(connection: object, _record: object) -> None:
        connection.execute("SET lock_timeout = '5s'")  # type: ignore[attr-defined]
        connection.commit()  # type: ignore[attr-defined]

    if engine.dialect.name == "postgresql":
        event.listen(engine, "connect", set_timeout)
