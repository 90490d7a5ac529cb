"""Rendered parts of pages, kept for some seconds in this process.

Only what is the same for every shopper may be kept, and its key holds all that it depends on.
"""

import random
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from shop.clock import Clock

# Parts that were rendered together do not all run out together.
_SPREAD = (0.8, 1.2)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Part:
    """One kept part; whoever holds the lock renders it anew."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    html: str = ""
    ends_at: datetime = _LONG_AGO


@dataclass(frozen=True, slots=True)
class PageCache:
    """The kept parts by their keys, each good for about `lifetime`; with none, nothing is kept.

    `longest_wait` is how many seconds one waits for another who renders the same part.
    """

    lifetime: timedelta
    clock: Clock
    dice: random.Random = field(default_factory=random.Random)
    longest_wait: float = 5
    parts: dict[Hashable, Part] = field(default_factory=dict)

    def get(self, key: Hashable | None, render: Callable[[], str]) -> str:
        """Return the part of this key; without a key it is rendered and not kept.

        One renders a part that has run out. The others get the old one meanwhile, and wait only
        where there is none. When the rendering fails, the old one stays.
        """
        if key is None or not self.lifetime:
            return render()
        part = self.parts.setdefault(key, Part())
        if self.clock() >= part.ends_at and part.lock.acquire(
            timeout=0 if part.html else self.longest_wait
        ):
            try:
                # Whoever has waited finds it done.
                if self.clock() >= part.ends_at:
                    part.html = render()
                    part.ends_at = self.clock() + self.lifetime * self.dice.uniform(*_SPREAD)
            finally:
                part.lock.release()
        return part.html or render()
