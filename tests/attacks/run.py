"""Everything that `make attack` does: the attacks that take minutes, each on a store of its own.

    python -m tests.attacks.run [--attack NAME]... [--cases 10000] [--seed 1]

An attack that this machine cannot make is told as not run and never counts as passed. In CI, where
everything must run, it is a failure.
"""

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import click

from tests.attacks.api_cases import attack_api
from tests.attacks.audit import audit_packages
from tests.attacks.outcomes import Attack, CannotRun, Result, Wishes
from tests.attacks.slow_clients import hold_connections
from tests.attacks.timing import compare_times

ATTACKS: dict[str, Attack] = {
    "api": attack_api,
    "audit": audit_packages,
    "slow": hold_connections,
    "timing": compare_times,
}


def run_attack(name: str, cases: int, seed: int) -> Result:
    """Run one attack in a folder of its own, which is deleted."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cartwreck-attack-") as folder:
        try:
            outcome = ATTACKS[name](Wishes(Path(folder), cases, seed))
        except CannotRun as reason:
            return Result(name, None, why=str(reason))
    return Result(name, outcome, time.monotonic() - started)


def sum_up(results: Sequence[Result]) -> str:
    """Say in the last line what held, what did not and what nobody has tried."""
    broken = sum(each.is_broken for each in results)
    left_out = sum(each.outcome is None for each in results)
    held = len(results) - broken - left_out
    line = f"{held} of {len(results)} attacks found nothing, {broken} found something"
    return line + (f", {left_out} not run." if left_out else ".")


def is_failure(results: Sequence[Result], *, must_run: bool) -> bool:
    """Tell whether the command has to fail."""
    return any(each.is_broken or (must_run and each.outcome is None) for each in results)


@click.command()
@click.option("--attack", "wanted", type=click.Choice([*ATTACKS]), multiple=True, help="else all")
@click.option("--cases", default=10_000, type=click.IntRange(min=1), show_default=True)
@click.option("--seed", default=1, show_default=True, help="for the API's cases")
def main(wanted: tuple[str, ...], cases: int, seed: int) -> None:
    """Attack a store for minutes, and say what was found."""
    results = []
    for name in ATTACKS:
        if not wanted or name in wanted:
            results.append(run_attack(name, cases, seed))
            click.echo(str(results[-1]))
    click.echo(sum_up(results))
    if is_failure(results, must_run="CI" in os.environ):
        sys.exit(1)


if __name__ == "__main__":
    main()
