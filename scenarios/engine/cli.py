"""The `cartwreck` command: it parses, calls and prints, and does nothing else."""

import errno
import os
import sqlite3
import sys
from typing import Any

import click

from scenarios.author.commands import author
from scenarios.engine.commands import LEARNING, here, status
from scenarios.engine.git import GitFailedError
from scenarios.engine.ports import LOOPBACK
from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox_commands import PORT, SANDBOX


class PlainFailures(click.Group):
    """A group of commands whose failures are a sentence and an exit status, no traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was given."""
        try:
            return super().invoke(ctx)
        except (RefusedError, GitFailedError, OSError, sqlite3.Error) as error:
            for line in getattr(error, "last_lines", []):
                click.echo(f"    {line}", err=True)
            click.secho(f"cartwreck: {_sentence(error)}", err=True, fg="red")
            ctx.exit(1)
        except KeyboardInterrupt:
            click.secho("cartwreck: Stopped before it was done.", err=True, fg="red")
            ctx.exit(130)


@click.group(
    cls=PlainFailures,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    invoke_without_command=True,
)
@click.pass_context
def main(ctx: click.Context) -> None:
    """Cartwreck: a small store that breaks on purpose."""
    if ctx.invoked_subcommand is None:
        click.echo(f"{main.help}\n")
        ctx.invoke(status)


for command in (*LEARNING, *SANDBOX, author):
    main.add_command(command)


@main.command()
@click.option("--port", type=PORT, default=5000, help="Port of the store.")
@click.option("--world-port", type=PORT, default=5002, help="Port of the outside world.")
@click.option("--smtp-port", type=PORT, default=5025, help="Port of the mail server.")
@click.option("--database-url", metavar="URL", help="Run on this database, e.g. on PostgreSQL.")
@click.option("--host", default=LOOPBACK, help="Address that the store listens on.")
@click.option(
    "--prefix", metavar="/PATH", default="", show_default=False, help="Path of the store."
)
@click.option("--scenario", "scenarios", multiple=True, metavar="SLUG", help="Deploy this one too.")
def up(scenarios: tuple[str, ...], **wishes: Any) -> None:
    """Start the store, its worker and the outside world."""
    from scenarios.engine.screen import Screen
    from scenarios.engine.up import Wishes, run_up

    named = os.environ.get("CARTWRECK_SCENARIOS", "").replace(",", " ").split()
    run_up(here(), Wishes(scenarios=(*scenarios, *named), **wishes), Screen())


@main.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--data-only", is_flag=True, help="Leave your work in the workspace as it is.")
@click.option("--database-url", metavar="URL", help="Reset this database; not while `up` runs.")
def reset(yes: bool, data_only: bool, database_url: str | None) -> None:
    """Put everything back: the store's data, and your work, which is saved as a diff first."""
    from scenarios.engine.databases import open_database
    from scenarios.engine.reset import restore_workspace, run_reset

    sandbox = here()
    shown = open_database(sandbox, database_url, "standard", click.echo).shown
    if not yes and (sys.stdin.isatty() or database_url):
        click.confirm(
            f"Everything in {shown}, and all payments, parcels and mail, is thrown away. Go on?",
            abort=True,
        )
    if not data_only and (saved := restore_workspace(sandbox)):
        click.echo(f"What you had changed is saved as {saved}; `git apply` brings it back.")
    run_reset(sandbox, database_url, click.echo)
    click.echo("Reset: the store is as it was when freshly seeded.")


def _sentence(error: Exception) -> str:
    if isinstance(error, GitFailedError):
        return f"git says: {error}. `cartwreck reset` makes a fresh workspace."
    if isinstance(error, sqlite3.Error):
        return f"SQLite says: {error}. `cartwreck reset` makes a fresh database."
    if not isinstance(error, OSError):
        return str(error)
    advice = {
        errno.ENOSPC: "free some space and run the command again.",
        errno.EROFS: "move the checkout to a folder that can be written to.",
        errno.EACCES: "give yourself the right to write there, or clone to another folder.",
    }.get(error.errno or 0, "mend that and run the command again.")
    return f"{error.filename or 'The checkout'}: {error.strerror or error}: {advice}"
