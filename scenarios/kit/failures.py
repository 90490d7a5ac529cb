"""Let the outside world or the database fail, at a call or a statement of the check's choice."""

import sys
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from scenarios.kit.statements import COMMIT, Predicate, before_commit, listening
from shop.errors import GatewayUnavailable

EVERY = range(1, sys.maxsize)
_AWAY = GatewayUnavailable("The outside world", "the check has let it fail")


class Failing:
    """A service of which some calls fail; its ledgers are those of the fake that it stands for.

    `calls` says which calls of `method` fail, counted from 1. One that `loses_answer` has done its
    work when it fails. `asked` keeps the arguments of all calls of the method.

        outside = replace(make_fakes(), mailer=Failing(FakeMailer(), "send", calls=[3]))
    """

    def __init__(
        self,
        service: object,
        method: str,
        *,
        calls: Container[int] = EVERY,
        loses_answer: bool = False,
        error: Exception = _AWAY,
    ) -> None:
        self._service, self._method, self._calls = service, method, calls
        self._loses_answer, self._error = loses_answer, error
        self.asked: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._service, name)
        return partial(self._call, found) if name == self._method else found

    def _call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.asked.append((args, kwargs))
        fails = len(self.asked) in self._calls
        answer = None if fails and not self._loses_answer else method(*args, **kwargs)
        if fails:
            raise self._error
        return answer


@contextmanager
def failing_database(
    engine: Engine, before: Predicate = before_commit, calls: Container[int] = EVERY
) -> Iterator[None]:
    """Let the database go away before some statements of this kind, or before some commits."""
    counter = count(1)

    def meet(sql: str) -> None:
        if before(sql) and next(counter) in calls:
            raise OperationalError(sql, {}, Exception("the check has let the database go away"))

    statements = {"before_cursor_execute": lambda _connection, _cursor, sql, *_: meet(sql)}
    with listening(engine, {**statements, "commit": lambda _: meet(COMMIT)}):
        yield
