"""Listen to what an engine does, and tell what an SQL statement is by its text."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Engine, event

Predicate = Callable[[str], bool]

COMMIT, ROLLBACK = "COMMIT", "ROLLBACK"
_WRITES = ("INSERT", "UPDATE", "DELETE")


def is_write(sql: str) -> bool:
    """Tell whether a statement changes rows."""
    return sql.lstrip().upper().startswith(_WRITES)


def before_commit(sql: str) -> bool:
    """Tell whether this is the end of a transaction, which `interleave` takes for a statement."""
    return sql == COMMIT


def touches(*tables: str) -> Predicate:
    """Return what tells whether a statement reads or writes one of the tables."""
    names = "|".join(map(re.escape, tables))
    after_a_word = rf'\b(?:FROM|JOIN|INTO|UPDATE)\s+"?(?:{names})\b'
    before_a_column = rf'(?<![\w.])"?(?:{names})"?\.'
    pattern = re.compile(f"{after_a_word}|{before_a_column}", re.IGNORECASE)
    return lambda sql: pattern.search(sql) is not None


def writes(*tables: str) -> Predicate:
    """Return what tells whether a statement changes rows, and names one of the tables."""
    is_about = touches(*tables)
    return lambda sql: is_write(sql) and is_about(sql)


@contextmanager
def listening(
    target: Engine | type[Engine], listeners: Mapping[str, Callable[..., None]]
) -> Iterator[None]:
    """Listen to these events of an engine, or of every engine there is, while the block runs."""
    for name, listener in listeners.items():
        event.listen(target, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners.items():
            event.remove(target, name, listener)
