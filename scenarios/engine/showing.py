"""How commands print: as people read it in a terminal, plain where it is not one."""

import sys
from collections.abc import Iterable, Sequence
from typing import NoReturn

import click

from scenarios.engine.verdicts import CANNOT_TELL, NOT_YET, SOLVED, Verdict

_COLORS = {SOLVED: "green", NOT_YET: "yellow", CANNOT_TELL: "magenta"}


def print_text(text: str) -> None:
    """Print a text in Markdown."""
    if not sys.stdout.isatty():
        click.echo(text)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(text))


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under names, between tabs where somebody else reads them."""
    if not sys.stdout.isatty():
        for row in (names, *rows):
            click.echo("\t".join(row))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(*map(escape, names), box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*map(escape, row))
    Console().print(table)


def end(is_right: bool, sentence: str) -> NoReturn:
    """Say a sentence, and end with the status that goes with it."""
    click.secho(sentence, fg="green" if is_right else "yellow")
    sys.exit(0 if is_right else 1)


def print_verdict(verdict: Verdict) -> None:
    """Print a verdict: what was expected, what was seen, where to look."""
    click.secho(verdict.sentence, fg=_COLORS.get(verdict.kind, "red"), bold=True)
    for label, text in (
        ("Expected", verdict.expected),
        ("Seen", verdict.seen),
        ("Look at", verdict.look_at),
        ("Test", verdict.test),
    ):
        if text:
            click.echo(f"  {label + ':':<10}{text}")
    if verdict.explanation:
        click.echo()
        print_text(verdict.explanation)
