"""People who only look: the pages that need no write, opened again and again during a fault.

They come all at once, so that the store opens connections to its database that it had no need of
before.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from time import monotonic

import httpx

from tests.load.programs import poll

PAGES = ("/", "/products/harbor-desk-lamp", "/?q=lamp", "/health/live", "/health/ready")
READINGS = PAGES[:3]
# SQLite waits for a lock for 30 seconds; nothing has a reason to take longer than that and a bit.
PATIENCE = 40.0
PEOPLE = 8


@dataclass
class Looks:
    """The statuses that each page was answered with, in order, and the longest wait of all."""

    statuses: dict[str, list[str]] = field(default_factory=lambda: {page: [] for page in PAGES})
    slowest: float = 0.0

    def note(self, page: str, status: str, seconds: float) -> None:
        """Add an answer, or what came instead of one."""
        self.statuses[page].append(status)
        self.slowest = max(self.slowest, seconds)


def look_around(url: str, seconds: float, is_over: Callable[[], bool]) -> Looks:
    """Let everybody open every page, round after round, until it is over or the time is."""
    looks = Looks()
    with (
        httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE) as browser,
        ThreadPoolExecutor(PEOPLE) as people,
    ):
        for _ in poll(seconds):
            for page in PAGES:
                for status, taken in people.map(partial(_look, browser), [page] * PEOPLE):
                    looks.note(page, status, taken)
            if is_over():
                break
    return looks


def _look(browser: httpx.Client, page: str) -> tuple[str, float]:
    started = monotonic()
    try:
        status = str(browser.get(page).status_code)
    except httpx.TransportError as error:
        status = type(error).__name__
    return status, monotonic() - started
