"""Everything that `make crash` does: kill the programs, then break the database in each way.

    python -m tests.load.ordeal [--database URL] [--orders 1000] [--seed 1] [--times 1]
                                [--stage kill|disk-full|read-only|restart|crash]...

A stage that this machine cannot make is told as not run, and in CI, where everything must run, that
is a failure.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from tests.load.command_line import database_option, run_folder
from tests.load.crash import Plan, crash
from tests.load.disks import CannotRun
from tests.load.fault_run import ride_out
from tests.load.faults import FAULTS
from tests.load.story import Story

KILL = "kill"
STAGES = (KILL, *FAULTS["postgresql"])
# A fault is over in seconds, however many orders there are around it.
LEAST_WITH_FAULT, MOST_WITH_FAULT = 12, 90


@dataclass(frozen=True)
class Result:
    """How one stage went; without a story it was not run, and `why` says for what reason."""

    stage: str
    story: Story | None
    why: str = ""

    @property
    def is_broken(self) -> bool:
        """Tell whether something was not as it must be."""
        return self.story is not None and bool(self.story.violations)

    def __str__(self) -> str:
        """Say it in one line."""
        if self.story is None:
            return f"{self.stage:10} not run: {self.why}"
        story = self.story
        kills = ", ".join(f"{name} {count}" for name, count in story.kills.items() if count)
        verdict = f"{len(story.violations)} VIOLATIONS" if self.is_broken else "as it must be"
        return (
            f"{self.stage:10} {story.orders} orders, lost/twice/stuck {story.sorrows}, "
            f"killed: {kills or 'none'}, {story.seconds:.0f} s, {verdict}"
        )


def run_stage(stage: str, server: str | None, folder: Path, orders: int, seed: int) -> Result:
    """Run a stage on a fresh store in the folder.

    :param server: as for `fresh_database`; a fault of PostgreSQL has a server of its own.
    """
    folder.mkdir()
    if stage == KILL:
        return Result(stage, crash(server, folder, Plan(orders, "all", seed)))
    fault = FAULTS["postgresql" if server else "sqlite"][stage]
    few = min(max(orders // 10, LEAST_WITH_FAULT), MOST_WITH_FAULT)
    try:
        return Result(stage, ride_out(fault, folder, few, seed))
    except CannotRun as reason:
        return Result(stage, None, str(reason))


def choose_stages(server: str | None, wanted: Sequence[str]) -> list[str]:
    """Return the stages to run, in their order.

    :raises click.UsageError: when one is wanted that SQLite, which is no server, does not have.
    """
    known = (KILL, *FAULTS["postgresql" if server else "sqlite"])
    if strange := set(wanted) - set(known):
        raise click.UsageError(f"{', '.join(sorted(strange))} needs a PostgreSQL: give --database.")
    return [each for each in known if not wanted or each in wanted]


def sum_up(results: Sequence[Result]) -> str:
    """Say in the last lines what held, what did not and what nobody has tried."""
    broken = sum(each.is_broken for each in results)
    left_out = sum(each.story is None for each in results)
    held = len(results) - broken - left_out
    lines = [*map(str, results), f"{held} of {len(results)} held, {broken} did not"]
    return "\n".join(lines) + (f", {left_out} not run." if left_out else ".")


def is_failure(results: Sequence[Result], *, must_run: bool) -> bool:
    """Tell whether the command has to fail."""
    return any(each.is_broken or (must_run and each.story is None) for each in results)


@click.command()
@database_option
@click.option("--orders", default=1000, type=click.IntRange(min=1), show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--times", default=1, type=click.IntRange(min=1), show_default=True)
@click.option("--stage", "wanted", type=click.Choice(STAGES), multiple=True, help="else all")
def main(database: str | None, orders: int, seed: int, times: int, wanted: tuple[str, ...]) -> None:
    """Kill and break everything while shoppers buy, and check that no order suffers."""
    stages, results = choose_stages(database, wanted), []
    with run_folder() as folder:
        for turn in range(seed, seed + times):
            for stage in stages:
                click.echo(f"--- {stage} on {'PostgreSQL' if database else 'SQLite'}, seed {turn}")
                result = run_stage(stage, database, folder / f"{stage}-{turn}", orders, turn)
                click.echo(str(result.story or result))
                results.append(result)
        click.echo(f"---\n{sum_up(results)}")
        if is_failure(results, must_run="CI" in os.environ):
            sys.exit(1)


if __name__ == "__main__":
    main()
