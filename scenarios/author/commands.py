"""`cartwreck author`: begin a scenario, record its patches, prove it, carry it over a new store."""

import sys
from collections.abc import Sequence

import click

from scenarios.engine.catalogue import Scenario, find_scenario, load_catalogue
from scenarios.engine.commands import here
from scenarios.engine.merging import Merger
from scenarios.engine.refusal import RefusedError
from scenarios.engine.reset import run_switch
from scenarios.engine.sandbox import Sandbox, write_whole
from scenarios.engine.workspace import Workspace

_TOML = """title = "What is reported, in one sentence that names no cause"
track = "T1"
kind = "bug"
level = 1
minutes = 20
covers = []
objectives = []
out_of_scope = []
spoilers = []
"""
_HINTS = (
    "## Hint 1\n\nWhere to look.\n\n## Hint 2\n\nWhat to look at.\n\n## Hint 3\n\nWhat is wrong.\n"
)
_DEBRIEF = "".join(
    f"## {part}\n\n\n"
    for part in ("Cause", "How each tool shows it", "The fix", "How to prevent the whole class")
)
_CHECK = '''"""Say what must hold; the kit is in scenarios/kit."""


def test_a_sentence_that_holds_on_the_clean_store() -> None:
    raise NotImplementedError
'''
_MESSAGE = """From {root} Mon Sep 17 00:00:00 2001
From: {author}
Date: {date}
Subject: [PATCH] {subject}

{body}

---
{diff}--
"""


@click.group()
def author() -> None:
    """Write a scenario: new, record, verify, rebase."""


@author.command()
@click.argument("slug")
def new(slug: str) -> None:
    """Begin a scenario: a folder with all of its files to fill in, and a clean workspace."""
    sandbox = here()
    folder = sandbox.catalogue / slug
    if folder.exists():
        raise RefusedError(f"{folder} is there already.")
    run_switch(sandbox, (), click.echo)
    for name in ("right", "wrong"):
        (folder / name).mkdir(parents=True)
    texts = {"scenario.toml": _TOML, "hints.md": _HINTS, "check.py": _CHECK, "ticket.md": ""}
    debrief = f"{_DEBRIEF}## A real incident\n\n\n## Three questions\n"
    for name, text in {**texts, "debrief.md": debrief, "instructor.md": ""}.items():
        (folder / name).write_text(text, "utf-8")
    click.echo(f"Break the store in {sandbox.workspace}, then `cartwreck author record {slug}`.")


@author.command()
@click.argument("slug")
@click.option("--right", "kind", flag_value="right", help="Record a right fix.")
@click.option("--wrong", "kind", flag_value="wrong", help="Record a wrong fix.")
@click.option("--name", help="Name of the fix, such as compare-and-set.")
@click.option("--author", "who", default="A. Colleague <colleague@brindle.example>")
@click.option("--message", "-m", default="Change the store", help="Subject, empty line, motive.")
def record(slug: str, kind: str | None, name: str | None, who: str, message: str) -> None:
    """Write what was changed in the workspace as the bad commit, or as a fix of it."""
    sandbox = here()
    folder, workspace = sandbox.catalogue / slug, Workspace(sandbox)
    diff = workspace.read_diff()
    if not folder.is_dir():
        raise RefusedError(f"There is no scenario {slug!r} yet: `cartwreck author new {slug}`.")
    if not diff:
        raise RefusedError(f"Nothing is changed in {workspace.folder}/shop, so there is no patch.")
    on = workspace.deployed.slugs if workspace.deployed else ()
    wanted = (slug,) if kind else ()
    if on != wanted or (kind and not name):
        what = f"{slug} on, and a --name" if kind else "no scenario on"
        raise RefusedError(f"A {kind or 'bad'} patch is recorded with {what}.")
    if kind:
        target = folder / kind / f"{name}.patch"
        write_whole(target, diff)
    else:
        subject, _, body = message.partition("\n")
        facts = {"author": who, "subject": subject, "body": body.strip(), "diff": diff}
        target = folder / "bad_commit.patch"
        date = "Mon, 16 Nov 2026 16:52:00 +0000"
        write_whole(target, _MESSAGE.format(root="0" * 40, date=date, **facts))
    click.echo(f"Recorded {target}. `cartwreck reset` puts the workspace back.")


@author.command()
@click.argument("slugs", nargs=-1, metavar="[SLUG...]")
@click.option("--draft", is_flag=True, help="The bad commit once, and not five times.")
@click.option(
    "--whole", is_flag=True, help="The store's own suite on every right fix too: minutes."
)
@click.option("--write-pairs", is_flag=True, help="Write which scenarios cannot go together.")
@click.option(
    "--database-url", envvar="SHOP_TEST_POSTGRES_URL", help="A PostgreSQL to prove them on too."
)
def verify(
    slugs: tuple[str, ...], draft: bool, whole: bool, write_pairs: bool, database_url: str | None
) -> None:
    """Prove scenarios: all of them, or those that are named."""
    from rich.console import Console
    from rich.progress import track

    from scenarios.author.verify import check_pairs, list_trials, run_trials

    sandbox = here()
    chosen = _chosen(sandbox, slugs)
    databases = {"sqlite": None, **({"postgresql": database_url} if database_url else {})}
    console = Console(stderr=True)
    trials = [each for one in chosen for each in list_trials(sandbox, one, databases, draft, whole)]
    results = track(run_trials(trials), "Proving", len(trials), console=console)
    bad = [result for result in results if result.problem]
    for each in bad:
        click.secho(f"{each.slug}: {each.trial}: {each.problem}", fg="red")
    if problem := check_pairs(sandbox, load_catalogue(sandbox.catalogue), write_pairs):
        click.secho(problem, fg="red")
    click.echo(
        f"{len(trials) - len(bad)} of {len(trials)} trials hold, on {' and '.join(databases)}."
    )
    if not database_url:
        click.echo("Not run: PostgreSQL, which --database-url or SHOP_TEST_POSTGRES_URL names.")
    sys.exit(1 if bad or problem else 0)


@author.command()
@click.argument("slugs", nargs=-1, metavar="[SLUG...]")
def rebase(slugs: tuple[str, ...]) -> None:
    """Carry patches over a changed store by a three-way merge, and write them anew."""
    sandbox = here()
    merger = Merger(sandbox)
    for one in _chosen(sandbox, slugs):
        bad = merger.merge([(one.slug, one.patch)])
        text = one.patch.read_text("utf-8")
        head = text[: text.index("diff --git")]
        fixes = {}
        for fix in (*one.right_fixes, *one.wrong_fixes):
            fixes[fix] = merger.diff(bad, merger.merge([(one.slug, one.patch), (fix.name, fix)]))
        write_whole(one.patch, f"{head}{merger.diff(merger.clean_tree(), bad)}--\n")
        for fix, diff in fixes.items():
            write_whole(fix, diff)
        click.echo(f"{one.slug}: {1 + len(fixes)} patches are up to date.")


def _chosen(sandbox: Sandbox, slugs: Sequence[str]) -> list[Scenario]:
    named = [find_scenario(sandbox.catalogue, slug) for slug in slugs]
    return named or list(load_catalogue(sandbox.catalogue).values())
