"""Let many visitors use a whole store for minutes, and check that nothing is lost or grows.

    python -m tests.load.soak [--minutes 10] [--shoppers 16] [--database URL] [--stores 1]
                              [--workers 1] [--seed 1] [--json FILE]

docs/soak.md says how to read what it prints.
"""

import sys
from typing import IO

import click

from tests.load.command_line import database_option, run_folder
from tests.load.soak.run import Plan, soak

# One of each kind of visitor.
_FEWEST_SHOPPERS = 4
_AT_LEAST_ONE = click.IntRange(min=1)
# It is opened at the start, since nobody wants to hear after ten minutes that it cannot be written.
_REPORT = click.File("w", encoding="utf-8", lazy=False)


@click.command()
@click.option("--minutes", type=click.FloatRange(0.1, 1440), default=10.0, show_default=True)
@click.option("--shoppers", type=click.IntRange(_FEWEST_SHOPPERS), default=16, show_default=True)
@database_option
@click.option("--stores", type=_AT_LEAST_ONE, default=1, show_default=True)
@click.option("--workers", type=_AT_LEAST_ONE, default=1, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--json", "report_file", type=_REPORT, help="where the report also goes, as JSON")
def main(
    minutes: float,
    shoppers: int,
    database: str | None,
    stores: int,
    workers: int,
    seed: int,
    report_file: IO[str] | None,
) -> None:
    """Let many visitors use a whole store for minutes, and hold its books against the rules."""
    plan = Plan(60 * minutes, shoppers, stores, workers, seed)
    with run_folder() as folder:
        report = soak(database, folder, plan)
        click.echo(str(report))
        if report_file is not None:
            report_file.write(report.to_json())
        if report.violations:
            sys.exit(1)


if __name__ == "__main__":
    main()
