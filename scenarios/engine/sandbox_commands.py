"""The commands that switch scenarios, and that look into the sandbox."""

import atexit
import logging
import os
import shutil
import sys
import termios
from collections.abc import Sequence

import click

from scenarios.engine.catalogue import find_scenario
from scenarios.engine.commands import here
from scenarios.engine.flags import read_flags
from scenarios.engine.programs import clean_environment
from scenarios.engine.refusal import RefusedError
from scenarios.engine.reset import run_switch
from scenarios.engine.sandbox import Sandbox
from scenarios.engine.showing import table
from scenarios.engine.switching import ensure_workspace

PORT = click.IntRange(1, 65535)


@click.command()
@click.argument("slugs", nargs=-1, required=True, metavar="SLUG...")
def enable(slugs: Sequence[str]) -> None:
    """Switch scenarios on, beside those that are on already."""
    sandbox = here()
    run_switch(sandbox, tuple(dict.fromkeys([*read_flags(sandbox), *slugs])), click.echo)
    _print_flags(sandbox)


@click.command()
@click.argument("slugs", nargs=-1, metavar="[SLUG...]")
@click.option("--all", "every", is_flag=True, help="Switch all of them off.")
def disable(slugs: Sequence[str], every: bool) -> None:
    """Switch scenarios off."""
    sandbox = here()
    if not (slugs or every):
        raise RefusedError("Say which scenario, or --all.")
    on = read_flags(sandbox)
    for slug in slugs:
        find_scenario(sandbox.catalogue, slug)
    off = on if every else list(slugs)
    run_switch(sandbox, tuple(slug for slug in on if slug not in off), click.echo)
    _print_flags(sandbox)


@click.command()
def flags() -> None:
    """Show which scenarios are on."""
    _print_flags(here())


@click.command()
@click.option("--port", type=PORT, default=5010, help="Port of the store to debug.")
@click.option("--statements", is_flag=True, help="Print every statement that the database is sent.")
def debug(port: int, statements: bool) -> None:
    """Run the workspace's store in this terminal, so that a breakpoint() stops here."""
    sandbox = here()
    ensure_workspace(sandbox)
    settings = _store_settings(sandbox)
    click.echo(
        f"The store of the workspace, at http://127.0.0.1:{port}/; Ctrl-C ends it. "
        "What you save is in it once you start it again."
    )
    os.chdir(sandbox.workspace)
    os.environ.clear()
    os.environ.update(settings)
    sys.path.insert(0, str(sandbox.workspace))
    sys.dont_write_bytecode = True
    logging.basicConfig(format="%(message)s")
    logging.getLogger("sqlalchemy.engine").setLevel("INFO" if statements else "WARNING")
    if sys.stdin.isatty():
        # Ctrl-C at the prompt of a debugger would leave the terminal without an echo.
        atexit.register(termios.tcsetattr, 0, termios.TCSADRAIN, termios.tcgetattr(0))
    from flask.cli import cli

    cli.main(["--app", "shop", "run", "--port", str(port), "--no-reload"], prog_name="flask")


@click.command()
@click.argument("statement", required=False)
def sql(statement: str | None) -> None:
    """Run a statement on the store's database, or open the database's own shell."""
    url = _store_settings(here())["SHOP_DATABASE_URL"]
    if statement is None:
        is_file = url.startswith("sqlite:///")
        shell = shutil.which("sqlite3" if is_file else "psql")
        if shell is None:
            raise RefusedError(
                "There is no shell of this database here: give the statement, "
                'cartwreck sql "SELECT number, status FROM orders LIMIT 5".'
            )
        name = url.removeprefix("sqlite:///") if is_file else url.replace("+psycopg", "")
        os.execv(shell, [shell, name])  # noqa: S606
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    # As it was typed: a colon or a percent sign in it is no parameter.
    engine = create_engine(url, execution_options={"no_parameters": True})
    try:
        with engine.begin() as connection:
            result = connection.exec_driver_sql(statement)
            names = tuple(result.keys()) if result.returns_rows else ()
            rows = [tuple(map(str, row)) for row in (result if names else ())]
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", error)).strip()
        raise RefusedError(f"The database says: {said}") from None
    if names:
        table(names, rows)
    click.echo(f"{len(rows)} rows" if names else f"{max(result.rowcount, 0)} rows changed")


def _print_flags(sandbox: Sandbox) -> None:
    click.echo(f"On: {', '.join(read_flags(sandbox)) or 'nothing; the store is as it should be'}")


def _store_settings(sandbox: Sandbox) -> dict[str, str]:
    path = sandbox.state / "store.env"
    if not path.exists():
        raise RefusedError("The store has not run here yet: `cartwreck up` first.")
    pairs = (line.split("=", 1) for line in path.read_text("utf-8").splitlines() if "=" in line)
    return {**clean_environment(), **dict(pairs), "PYTHONDONTWRITEBYTECODE": "1"}


SANDBOX = (enable, disable, flags, debug, sql)
