"""Shoppers buy before, during and after a fault of the database; nothing is ever restarted.

Before and after it the logs must be clean. Meanwhile the store may say that it did not work, with
a page of its own and a traceback in its log, but must neither hang nor forget an order.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from tests.load.books import read_books
from tests.load.crash import draw_cards
from tests.load.database import list_slugs, stock_up
from tests.load.faults import Fault
from tests.load.invariants import find_violations
from tests.load.lines import count_reasons, find_unexplained, is_failure, read_lines
from tests.load.looking import READINGS, Looks, look_around
from tests.load.programs import poll
from tests.load.running import RunningStore, running_store
from tests.load.settling import wait_until_settled
from tests.load.shopping import Receipt, shop_together
from tests.load.story import Story, tell_story

SECONDS_AT_LEAST, SECONDS_AT_MOST = 3.0, 60.0
SECONDS_TO_BE_WELL, SECONDS_TO_SETTLE = 60.0, 120.0


@dataclass(frozen=True)
class Course:
    """What came of a fault: `well_at` is when it was over and the store well again."""

    receipts: list[Receipt]
    looks: Looks
    well_at: str
    early_trouble: list[str]


def ride_out(fault: Fault, folder: Path, orders: int = 60, seed: int = 1) -> Story:
    """Let a fault befall a fresh store, and check everything afterwards.

    :param orders: a third of them is bought before, during and after the fault each.
    :raises CannotRun: when this machine cannot make the fault.
    """
    started = time.monotonic()
    with fault.prepare() as site, running_store(site.server, folder, disk=site.disk) as running:
        stock_up(running.database_url, 10 * orders)
        running.outside.set_conditions("carrier", transit_seconds=0.5)
        course = _run_course(running, site.broken, orders, seed)
        wait_until_settled(running, SECONDS_TO_SETTLE + orders, hurry=True)
        _check_alive(running)
        books = read_books(running.database_url, running.outside)
        violations = [
            *find_violations(books, course.receipts, 10 * orders),
            *_find_trouble(running, fault, course),
        ]
        kills = {each.name: each.kills for each in running.programs}
        seen = _count_sights(running, course.looks)
    return tell_story(books, course.receipts, kills, violations, time.monotonic() - started, seen)


def _run_course(
    running: RunningStore,
    broken: Callable[[str], AbstractContextManager[None]],
    orders: int,
    seed: int,
) -> Course:
    slugs, dice = list_slugs(running.database_url), random.Random(seed)

    def shop(name: str) -> list[Receipt]:
        cards = draw_cards(max(1, orders // 3), dice)
        return shop_together(running.urls[0], cards, slugs, f"{name}{seed}")

    before = shop("before")
    early_trouble = running.find_trouble()
    with ThreadPoolExecutor(1) as crowd:
        shopping = crowd.submit(shop, "during")
        with broken(running.database_url):
            looks = _watch(running, shopping.done)
        during = shopping.result()
    _wait_until_well(running)
    well_at = datetime.now(UTC).isoformat()
    return Course([*before, *during, *shop("after")], looks, well_at, early_trouble)


def _watch(running: RunningStore, is_sold: Callable[[], bool]) -> Looks:
    """Look around while the fault lasts: a while at least, and until it has been noticed."""
    end = time.monotonic() + SECONDS_AT_LEAST

    def is_over() -> bool:
        is_noticed = any(map(is_failure, read_lines(running)))
        return time.monotonic() >= end and (is_noticed or is_sold())

    return look_around(running.urls[0], SECONDS_AT_MOST, is_over)


def _wait_until_well(running: RunningStore) -> None:
    for _ in poll(SECONDS_TO_BE_WELL, every=0.5):
        _check_alive(running)
        if httpx.get(f"{running.urls[0]}/health/ready", trust_env=False, timeout=60).is_success:
            return
    raise TimeoutError(f"The store was not well again after {SECONDS_TO_BE_WELL:.0f} seconds.")


def _check_alive(running: RunningStore) -> None:
    for program in running.programs:
        program.check_alive()


def _find_trouble(running: RunningStore, fault: Fault, course: Course) -> Iterator[str]:
    yield from (f"Before the fault: {line}" for line in course.early_trouble)
    lines = read_lines(running)
    if not any(map(is_failure, lines)):
        yield "Nobody noticed the fault, so this run proves nothing."
    yield from find_unexplained(lines)
    late = [line for line in lines if is_failure(line) and line["timestamp"] > course.well_at]
    yield from (f"After the fault: {line}" for line in late)
    statuses = course.looks.statuses
    for page, found in statuses.items():
        yield from (f"{page} gave no answer: {each}." for each in found if not each.isdecimal())
    must_work = (*READINGS, "/health/live") if fault.can_read else ("/health/live",)
    for page in must_work:
        if statuses[page][-1] != "200":
            yield f"{page} could not be read: {statuses[page]}."


def _count_sights(running: RunningStore, looks: Looks) -> dict[str, int]:
    answers = Counter(
        f"times {page} answered {status}"
        for page, found in looks.statuses.items()
        for status in found
    )
    reasons = count_reasons(read_lines(running))
    return {
        **answers,
        "milliseconds that the slowest of these took": round(looks.slowest * 1000),
        **{f"times a log said {reason}": count for reason, count in reasons.items()},
    }
