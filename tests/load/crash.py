"""Shoppers buy while the worker, the store and the outside world are killed again and again.

    python -m tests.load.crash [--database URL] [--orders 200]
                               [--victim worker|store|world|both|all] [--seed N]
                               [--slow] [--hurry] [--workers 1]

Meanwhile the payment provider loses answers, and sends webhooks twice, late and newest first, and
staff pack and ship what is paid.
"""

import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click

from tests.load.books import read_books
from tests.load.command_line import database_option, run_folder
from tests.load.database import list_slugs, stock_up
from tests.load.invariants import find_violations
from tests.load.mischief import change_conditions, kill_now_and_then
from tests.load.packing import keep_packing
from tests.load.programs import Program
from tests.load.running import RunningStore, running_store
from tests.load.settling import is_busy, wait_until_settled
from tests.load.shopper import APPROVED, DECLINED, SLOW
from tests.load.shopping import Receipt, shop_together
from tests.load.story import Story, tell_story

VICTIMS = {
    "worker": ("worker",),
    "store": ("store",),
    "world": ("world",),
    "both": ("worker", "store"),
    "all": ("worker", "store", "world"),
}
# What the store answers at checkout while the payment provider is dead.
PROVIDER_AWAY = 503

# A thousand orders are to take minutes, and a killed store takes seconds to come back.
ORDERS_PER_KILL = 10

_AT_LEAST_ONE = click.IntRange(min=1)


@dataclass(frozen=True)
class Plan:
    """One run; `hurry` is explained at `wait_until_settled`."""

    orders: int = 200
    victim: str = "worker"
    seed: int = 1
    has_slow_cards: bool = False
    hurry: bool = False
    workers: int = 1

    @property
    def on_hand(self) -> int:
        """Return how many units of each product are there: enough for everybody."""
        return 10 * self.orders

    @property
    def seconds(self) -> float:
        """Return how long the store may take to settle."""
        return 120.0 + self.orders

    @property
    def status_to_expect(self) -> int:
        """Return what the store may answer, though it is a failure; 0 for nothing."""
        return PROVIDER_AWAY if "world" in VICTIMS[self.victim] else 0


def crash(server: str | None, folder: Path, plan: Plan) -> Story:
    """Run a plan on a fresh store, and check everything afterwards.

    :param server: as for `fresh_database`.
    """
    started = time.monotonic()
    with running_store(server, folder, workers=plan.workers) as running:
        stock_up(running.database_url, plan.on_hand)
        running.outside.set_conditions("carrier", transit_seconds=0.5)
        receipts = _shop_in_a_storm(running, plan)
        wait_until_settled(running, plan.seconds, hurry=plan.hurry)
        books = read_books(running.database_url, running.outside)
        trouble = running.find_trouble(plan.status_to_expect)
        violations = [*find_violations(books, receipts, plan.on_hand), *trouble]
        kills = {each.name: each.kills for each in running.programs}
    return tell_story(books, receipts, kills, violations, time.monotonic() - started)


def _shop_in_a_storm(running: RunningStore, plan: Plan) -> list[Receipt]:
    dice = random.Random(plan.seed)
    is_sold, is_calm = threading.Event(), threading.Event()
    with ThreadPoolExecutor(3) as storm:
        killer = storm.submit(
            kill_now_and_then,
            _victims(running, plan.victim),
            random.Random(dice.random()),
            lambda: is_calm.is_set() or (is_sold.is_set() and not is_busy(running.database_url)),
            most=max(12, plan.orders // ORDERS_PER_KILL),
        )
        changer = storm.submit(
            change_conditions, running.outside, random.Random(dice.random()), is_calm
        )
        packer = storm.submit(keep_packing, running.database_url, is_calm)
        try:
            slugs = list_slugs(running.database_url)
            cards = draw_cards(plan.orders, dice, plan.has_slow_cards)
            receipts = shop_together(running.urls[0], cards, slugs, f"s{plan.seed}")
            is_sold.set()
            killer.result()
        finally:
            is_sold.set()
            is_calm.set()
        changer.result()
        packer.result()
    return receipts


def draw_cards(orders: int, dice: random.Random, has_slow_cards: bool = False) -> list[str]:
    """Return a card for each order: 85% approved, 10% declined, and 5% slow where asked for."""
    last = SLOW if has_slow_cards else APPROVED
    return dice.choices((APPROVED, DECLINED, last), (85, 10, 5), k=orders)


def _victims(running: RunningStore, victim: str) -> list[Program]:
    kinds = VICTIMS[victim]
    return [each for each in running.programs if each.name.partition("-")[0] in kinds]


@click.command()
@database_option
@click.option("--orders", default=200, type=_AT_LEAST_ONE, show_default=True)
@click.option("--victim", type=click.Choice(list(VICTIMS)), default="worker", show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--slow", is_flag=True, help="let one card in twenty take 3 seconds")
@click.option("--hurry", is_flag=True, help="do not wait for the late check of each capture")
@click.option("--workers", default=1, type=_AT_LEAST_ONE, show_default=True)
def main(
    database: str | None, orders: int, victim: str, seed: int, slow: bool, hurry: bool, workers: int
) -> None:
    """Kill a store at random moments while it sells, and check that nothing is lost."""
    plan = Plan(orders, victim, seed, slow, hurry, workers)
    with run_folder() as folder:
        story = crash(database, folder, plan)
        click.echo(str(story))
        if story.violations:
            sys.exit(1)


if __name__ == "__main__":
    main()
