"""What must hold of a store, row by row: a rule says which rows it looks at and what is amiss.

A rule that finds nothing to look at has proved nothing, so that is a violation too.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

S = TypeVar("S")
R = TypeVar("R")


@dataclass(frozen=True)
class Finding:
    """What became of one rule: how many rows it has looked at, and what was amiss."""

    name: str
    rows: int
    violations: Sequence[str]


class Rules(Generic[S]):
    """Rules about one kind of record, in the order in which they are written."""

    def __init__(self) -> None:
        self._rules: list[Callable[[S], Finding]] = []

    def about(
        self, rows: Callable[[S], Iterable[R]]
    ) -> Callable[[Callable[[S, R], Iterator[str]]], Callable[[S, R], Iterator[str]]]:
        """Make a rule of the function below, under its name.

        :param rows: what of a record the rule looks at, one by one.
        """

        def register(check: Callable[[S, R], Iterator[str]]) -> Callable[[S, R], Iterator[str]]:
            self._rules.append(partial(_hold, check.__name__.replace("_", " "), rows, check))
            return check

        return register

    def check(self, record: S) -> list[Finding]:
        """Hold every rule against a record."""
        return [rule(record) for rule in self._rules]


def _hold(
    name: str, choose: Callable[[S], Iterable[R]], check: Callable[[S, R], Iterator[str]], record: S
) -> Finding:
    rows = list(choose(record))
    violations = [sentence for row in rows for sentence in check(record, row)]
    return Finding(name, len(rows), violations if rows else ["There was nothing to look at."])
