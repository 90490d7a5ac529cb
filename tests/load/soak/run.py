"""One run: a whole store, its visitors, a world that behaves badly, and the books at the end."""

import random
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.load.mischief import EVERY_CHANGE, change_conditions
from tests.load.outside import Outside
from tests.load.running import RunningStore, running_store
from tests.load.settling import wait_until_settled
from tests.load.soak.briefing import Outcome
from tests.load.soak.memory import Curve, watch_memory
from tests.load.soak.outside_rules import OUTSIDE_RULES
from tests.load.soak.record import read_record, read_store
from tests.load.soak.report import Report, count_orders
from tests.load.soak.rules import Finding
from tests.load.soak.stocking import prepare
from tests.load.soak.store_rules import STORE_RULES
from tests.load.soak.traffic import send_visitors

SECONDS_BETWEEN_GLANCES = 15.0
# An order that was placed last is checked half a minute later, and its parcel travels for a while.
_SECONDS_TO_SETTLE = 240.0
# Without its provider the store can take no card, and says so with the only 503 that is meant.
_MEANT = '"status": 503'
_NEEDS_THE_PROVIDER = ('"path": "/checkout"', '"path": "/api/v1/orders"')


@dataclass(frozen=True)
class Plan:
    """One run; `hurry` is explained at `wait_until_settled`."""

    seconds: float = 600.0
    shoppers: int = 16
    stores: int = 1
    workers: int = 1
    seed: int = 1
    hurry: bool = False


@dataclass(frozen=True)
class _Traffic:
    outcome: Outcome
    changes: Mapping[str, int]
    curves: Sequence[Curve]
    glances: int
    glimpsed: Sequence[str]


def soak(server: str | None, folder: Path, plan: Plan) -> Report:
    """Run a plan on a fresh store, and check everything afterwards.

    :param server: as for `fresh_database`.
    """
    with running_store(server, folder, plan.stores, plan.workers) as running:
        traffic = _let_traffic_flow(running, plan, folder)
        started = time.monotonic()
        wait_until_settled(running, _SECONDS_TO_SETTLE + plan.seconds, hurry=plan.hurry)
        settled_in = time.monotonic() - started
        record = read_record(running.database_url, running.outside, traffic.outcome.numbers)
        return Report(
            seconds=plan.seconds,
            settled_in=round(settled_in, 1),
            requests=traffic.outcome.requests,
            refusals=traffic.outcome.refusals,
            orders=count_orders(record),
            world={**traffic.changes, **_count_calls(running.outside)},
            memory={curve.name: curve.minutes for curve in traffic.curves},
            growth=[each for curve in traffic.curves for each in curve.judge(plan.seconds)],
            glances=traffic.glances,
            findings=[*STORE_RULES.check(record.store), *OUTSIDE_RULES.check(record)],
            failures=[*traffic.outcome.failures, *traffic.glimpsed],
            trouble=[line for line in running.find_trouble() if not _is_meant(line)],
        )


def _let_traffic_flow(running: RunningStore, plan: Plan, folder: Path) -> _Traffic:
    briefing = prepare(running, plan.shoppers, plan.seed, folder)
    dice, is_over = random.Random(plan.seed), threading.Event()
    processes = {each.name: each.pid for each in (*running.stores, *running.workers)}
    with ThreadPoolExecutor(3) as beside:
        world = beside.submit(change_conditions, running.outside, dice, is_over, EVERY_CHANGE)
        memory = beside.submit(watch_memory, processes, is_over)
        glances = beside.submit(_glance, running.database_url, is_over)
        try:
            outcome = send_visitors(briefing, plan.seconds, folder)
        finally:
            is_over.set()
    return _Traffic(outcome, world.result(), memory.result(), *glances.result())


def _glance(database_url: str, is_over: threading.Event) -> tuple[int, list[str]]:
    """Look into the books again and again while they are written; return how often, and what for.

    What holds at every moment must hold at these.
    """
    seen: list[Finding] = []
    glances = 0
    is_last = False
    while not is_last:
        is_last = is_over.wait(SECONDS_BETWEEN_GLANCES)
        seen += STORE_RULES.check(read_store(database_url))
        glances += 1
    broken = [f"under way, {f.name}: {each}" for f in seen if f.rows for each in f.violations]
    return glances, broken


def _is_meant(line: str) -> bool:
    return _MEANT in line and any(path in line for path in _NEEDS_THE_PROVIDER)


def _count_calls(outside: Outside) -> Counter[str]:
    """Count the calls to each service by what became of them."""
    return Counter(
        f"{service}: calls {call['outcome']}"
        for service in ("payments", "carrier", "suggestions", "mail")
        for call in outside.list_rows(service, "calls")
    )
