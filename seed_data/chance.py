"""Chance that falls the same on every machine, and the moments of the years that a store has seen.

Moments are whole seconds since the first midnight. There are no floats in what is decided, other
than the one that `random()` returns: it alone is promised to stay the same in later Pythons.
"""

import random
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import accumulate
from typing import TypeVar

T = TypeVar("T")

HOUR = 3_600
DAY = 24 * HOUR
_FIRST_DATE, LAST_DATE = date(2021, 11, 24), date(2026, 11, 23)
LAST_DAY = (LAST_DATE - _FIRST_DATE).days
# The last three years are those in which customers come; before them the store fills its shelves.
OPENING_DAY = (date(2023, 11, 24) - _FIRST_DATE).days

# How busy the months from January on are, and the hours from midnight on.
_BUSY_MONTHS = (8, 7, 8, 8, 8, 7, 7, 7, 8, 9, 12, 20)
_BUSY_HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 11, 12, 13, 12, 11, 11, 12, 14, 18, 24, 28, 26, 16, 7)

_DATES = [f"{_FIRST_DATE + timedelta(days=day)} " for day in range(LAST_DAY + 2)]
_TIMES = [
    f"{hour:02}:{minute:02}:{second:02}.000000"
    for hour in range(24)
    for minute in range(60)
    for second in range(60)
]


class Dice:
    """One stream of chance."""

    def __init__(self, seed: int) -> None:
        self.roll = random.Random(seed).random  # noqa: S311  It guards nothing.

    def below(self, end: int) -> int:
        """Return one of 0, 1, ... `end` - 1."""
        return int(self.roll() * end)

    def pick(self, items: Sequence[T]) -> T:
        """Return one of the items, each as likely as the next."""
        return items[int(self.roll() * len(items))]


class Weights:
    """How likely 0, 1, 2, ... are, in whole numbers."""

    def __init__(self, weights: Iterable[int]) -> None:
        self._ends = list(accumulate(weights))
        self._sum = self._ends[-1]

    def pick(self, dice: Dice) -> int:
        """Return one of 0, 1, 2, ... by its weight."""
        return bisect_right(self._ends, int(dice.roll() * self._sum))


def write_moment(moment: int) -> str:
    """Return a moment as both databases read it: UTC, to the microsecond, as SQLite keeps it."""
    return _DATES[moment // DAY] + _TIMES[moment % DAY]


def spread_moments(count: int, dice: Dice) -> Iterator[int]:
    """Yield `count` moments from the opening day to the last day, in order, most in busy times."""
    days = range(OPENING_DAY, LAST_DAY + 1)
    ends = list(accumulate(_BUSY_MONTHS[int(_DATES[day][5:7]) - 1] for day in days))
    hours = Weights(_BUSY_HOURS)
    done = 0
    for day, end in zip(days, ends, strict=True):
        until = count * end // ends[-1]
        yield from sorted(
            day * DAY + hours.pick(dice) * HOUR + dice.below(HOUR) for _ in range(until - done)
        )
        done = until
