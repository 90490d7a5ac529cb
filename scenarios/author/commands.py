"""`cartwreck author`: begin a scenario, record its patches, prove it, carry it over a new store."""

import re
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import click

from scenarios.engine.catalogue import Scenario, find_scenario, load_catalogue
from scenarios.engine.commands import here
from scenarios.engine.merging import MERGED, Merger
from scenarios.engine.refusal import RefusedError
from scenarios.engine.reset import restore_workspace, run_switch
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

{body}---

{diff}"""
_NAME = re.compile("[a-z0-9]+(-[a-z0-9]+)*")


@click.group()
def author() -> None:
    """Write a scenario: new, record, verify, rebase."""


@author.command()
@click.argument("slug")
def new(slug: str) -> None:
    """Begin a scenario: a folder with all of its files to fill in, and a clean workspace."""
    sandbox = here()
    folder = sandbox.catalogue / _plain(slug)
    if folder.exists():
        raise RefusedError(f"{folder} is there already: go on with it, or take another name.")
    run_switch(sandbox, (), click.echo)
    for name in ("right", "wrong"):
        (folder / name).mkdir(parents=True)
    texts = {"scenario.toml": _TOML, "hints.md": _HINTS, "check.py": _CHECK, "ticket.md": ""}
    debrief = f"{_DEBRIEF}## A real incident\n\n\n## Three questions\n"
    for name, text in {**texts, "debrief.md": debrief, "instructor.md": ""}.items():
        (folder / name).write_text(text, "utf-8")
    click.echo(f"Its files to fill in are in {folder}.")
    click.echo(f"Break the store in {sandbox.workspace}, then `cartwreck author record {slug}`.")


@author.command()
@click.argument("slug")
@click.option("--right", "kind", flag_value="right", help="Record a right fix.")
@click.option("--wrong", "kind", flag_value="wrong", help="Record a wrong fix.")
@click.option("--name", help="Name of the fix, such as compare-and-set.")
@click.option("--author", "who", default="A. Colleague <colleague@brindle.example>")
@click.option("--message", "-m", default="Change the store", help="Subject, empty line, motive.")
def record(slug: str, kind: str | None, name: str | None, who: str, message: str) -> None:
    """Write what was changed in the workspace as the bad commit, or as a fix of it.

    The workspace is then put back to what was deployed.
    """
    sandbox = here()
    folder, workspace = find_scenario(sandbox.catalogue, slug).folder, Workspace(sandbox)
    if (kind is None) != (name is None):
        raise RefusedError("A fix is recorded with --right or --wrong, and with a --name.")
    if workspace.deployed and workspace.deployed.slugs != ([slug] if kind else []):
        state = (
            f"just {slug} on: `cartwreck start {slug}`"
            if kind
            else "nothing on: `cartwreck disable --all`"
        )
        raise RefusedError(f"A {kind or 'bad'} patch is recorded with {state}.")
    if not (diff := workspace.read_diff()):
        where = " or ".join(f"{workspace.folder}/{each}" for each in MERGED)
        raise RefusedError(f"Nothing is changed in {where}, so there is no patch.")
    if re.search("[\udc80-\udcff]", diff):
        raise RefusedError("A file that you have changed is no UTF-8, as the store's texts are.")
    target = folder / "bad_commit.patch"
    if name is not None:
        target = folder / str(kind) / f"{_plain(name)}.patch"
        target.parent.mkdir(exist_ok=True)
    else:
        subject, _, body = message.strip().partition("\n")
        body = f"{body.strip()}\n" if body else ""
        date = "Mon, 16 Nov 2026 16:52:00 +0000"
        facts = {"author": who, "subject": subject, "body": body, "diff": diff}
        diff = _MESSAGE.format(root="0" * 40, date=date, **facts)
    write_whole(target, diff)
    others = workspace.read_diff(*(f":^{each}" for each in MERGED))
    if names := re.findall(r"^diff --git a/(\S+)", others, re.MULTILINE):
        click.echo(f"Not in the patch, which is of {' and '.join(MERGED)}: {', '.join(names)}.")
    saved = restore_workspace(sandbox)
    click.echo(f"Recorded {target}. The workspace is put back; {saved} has all that was in it.")
    if kind is None:
        click.echo(f"`cartwreck start {slug}` deploys it.")
    if kind == "wrong":
        click.echo(f"Say in {target.with_suffix('.md')} why it is wrong.")


@author.command()
@click.argument("slugs", nargs=-1, metavar="[SLUG...]")
@click.option("--draft", is_flag=True, help="The bad commit once, and not five times.")
@click.option(
    "--whole/--no-whole",
    default=None,
    help="The store's own suite on every right fix, minutes: done where scenarios are named.",
)
@click.option("--write-pairs", is_flag=True, help="Write which scenarios cannot go together.")
@click.option(
    "--database-url", envvar="SHOP_TEST_POSTGRES_URL", help="A PostgreSQL to prove them on too."
)
def verify(
    slugs: tuple[str, ...],
    draft: bool,
    whole: bool | None,
    write_pairs: bool,
    database_url: str | None,
) -> None:
    """Prove scenarios: all of them, or those that are named."""
    from rich.console import Console
    from rich.progress import track

    from scenarios.author.verify import check_pairs, list_trials, run_trials

    sandbox = here()
    if missing := [name for name in ("ruff", "mypy") if find_spec(name) is None]:
        raise RefusedError(f"{' and '.join(missing)} has to be installed: `make installed-test`.")
    chosen = _chosen(sandbox, slugs)
    databases = {"sqlite": None, **({"postgresql": database_url} if database_url else {})}
    console = Console(stderr=True)
    asked = (databases, draft, bool(slugs) and not draft if whole is None else whole)
    trials = [each for one in chosen for each in list_trials(sandbox, one, *asked)]
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
    sandbox, are_all_carried = here(), True
    merger = Merger(sandbox)
    clean = merger.clean_tree()
    for one in _chosen(sandbox, slugs):
        try:
            bad = _carry(merger, one.patch, clean)
            diffs = {one.patch: merger.diff(clean, bad)}
            for fix in (*one.right_fixes, *one.wrong_fixes):
                diffs[fix] = merger.diff(bad, _carry(merger, fix, bad))
        except RefusedError as refused:
            click.secho(f"{one.slug}: {refused.sentence}", fg="red")
            are_all_carried = False
            continue
        texts = {path: path.read_text("utf-8") for path in diffs}
        others = [path for path, diff in diffs.items() if diff not in texts[path]]
        for path in others:
            head = re.split("^(?:diff --git|--- a/)", texts[path], flags=re.MULTILINE)[0]
            write_whole(path, f"{head}{diffs[path]}")
        click.echo(f"{one.slug}: {len(others)} of {len(diffs)} patches are written anew.")
    sys.exit(0 if are_all_carried else 1)


def _carry(merger: Merger, patch: Path, before: str) -> str:
    """Return the tree with a patch on top of another tree.

    :raises RefusedError: when they do not go together, or the patch changes nothing any more.
    """
    try:
        after = merger.merge([(patch.name, patch)], before)
    except RefusedError as refused:
        if not (why := " ".join(refused.last_lines)):
            raise
        raise RefusedError(f"{patch} has to be recorded anew, git says: {why}") from refused
    if after == before:
        raise RefusedError(f"{patch} changes nothing any more.")
    return after


def _chosen(sandbox: Sandbox, slugs: Sequence[str]) -> list[Scenario]:
    named = [find_scenario(sandbox.catalogue, slug) for slug in slugs]
    return named or list(load_catalogue(sandbox.catalogue).values())


def _plain(name: str) -> str:
    """Return a name of a folder or a file, which has to be plain everywhere.

    :raises RefusedError: when it is not.
    """
    if not _NAME.fullmatch(name):
        raise RefusedError(f"{name!r} is no name: use a-z, 0-9 and hyphens, as in late-parcel.")
    return name
