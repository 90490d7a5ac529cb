"""Pages of a list, each beginning after the last row of the one before.

A page is found by the values of its sort keys and not by counting rows, so a row that comes or goes
between two pages neither repeats nor hides another, and the last page costs what the first does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, literal, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

T = TypeVar("T")
SortKeys = Sequence[InstrumentedAttribute[Any]]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and whether there are more behind them."""

    rows: Sequence[T]
    has_more: bool


def get_page(
    session: Session,
    statement: Select[T],
    keys: SortKeys,
    *,
    size: int,
    descending: bool = False,
    after: Sequence[Any] | None = None,
) -> Page[T]:
    """Return up to `size` rows in the order of `keys`, the last of which must be unique.

    :param after: the values of the keys in the last row of the page before.
    """
    page = _first_page(statement, tuple(keys), size, descending)
    if after is not None:
        edge = tuple_(*(literal(value, key.type) for value, key in zip(after, keys, strict=True)))
        page = page.where(tuple_(*keys) < edge if descending else tuple_(*keys) > edge)
    rows = session.scalars(page).all()
    return Page(rows[:size], has_more=len(rows) > size)


# The statement of a list that is always the same is made once: that takes as long as to send it.
@lru_cache(maxsize=64)
def _first_page(statement: Select[Any], keys: SortKeys, size: int, descending: bool) -> Select[Any]:
    order = [key.desc() if descending else key.asc() for key in keys]
    return statement.order_by(*order).limit(size + 1)
