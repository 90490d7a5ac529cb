"""The commands of learners and instructors: they ask, call and print."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import Any

import click

from scenarios.engine.catalogue import TRACKS, Scenario, find_scenario, load_catalogue
from scenarios.engine.flags import read_flags
from scenarios.engine.learning import (
    current_scenario,
    edits_outside,
    is_place_right,
    judge_fix,
    prove,
)
from scenarios.engine.progress import STEPS, note_event, read_progress
from scenarios.engine.refusal import RefusedError
from scenarios.engine.reset import run_switch
from scenarios.engine.running import find_up
from scenarios.engine.sandbox import Sandbox, find_sandbox, write_whole
from scenarios.engine.showing import end, print_text, print_verdict, table
from scenarios.engine.switching import enabled
from scenarios.engine.verdicts import EXIT_STATUS, SOLVED, Verdict
from scenarios.engine.watch import Watch
from scenarios.engine.workspace import Workspace

_REPORT = ("Impact", "Cause", "What was done", "Prevention")
_URL = click.option("--database-url", metavar="URL", help="Judge on this PostgreSQL.")


def here() -> Sandbox:
    """Return the sandbox of the folder that the command was given in."""
    sandbox = find_sandbox(Path.cwd())
    sandbox.make_folders()
    return sandbox


def about_one(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the sandbox, and the scenario that is meant."""

    @click.option("--scenario", "slug", metavar="SLUG", help="Which one, where several are on.")
    @wraps(command)
    def run(slug: str | None, **given: Any) -> None:
        sandbox = here()
        command(sandbox, current_scenario(sandbox, slug), **given)

    return run


@click.command(name="list")
@click.option("--track", type=click.Choice(sorted(TRACKS)), help="Only this track.")
def list_scenarios(track: str | None) -> None:
    """Show all scenarios, by track and level."""
    sandbox = here()
    done, on = read_progress(sandbox), read_flags(sandbox)
    rows = []
    for s in load_catalogue(sandbox.catalogue).values():
        if track in (None, s.track):
            state = f"{'on ' * (s.slug in on)}{done[s.slug].state}".strip()
            rows.append((s.track, str(s.level), f"{s.minutes} min", s.slug, s.title, state))
    table(("track", "level", "time", "scenario", "what is reported", ""), rows)
    click.echo("\n`cartwreck start SCENARIO` begins one.")


@click.command()
def status() -> None:
    """Say what runs, what is on, what the store says about your last save, and what you can do."""
    sandbox = here()
    note, broken, on = find_up(sandbox), sandbox.not_started, enabled(sandbox)
    click.echo(f"Store      {note.store}/" if note else "Store      not running: `cartwreck up`")
    for scenario in on:
        steps = ", ".join(read_progress(sandbox)[scenario.slug].steps) or "nothing done yet"
        click.echo(f"Scenario   {scenario.slug}, {scenario.title} ({steps})")
    click.echo(f"Workspace  {sandbox.workspace}")
    click.echo(f"Your work  {', '.join(Workspace(sandbox).changes) or 'nothing changed so far'}")
    steps = "`cartwreck ticket`, `hint`, `prove`, `find`, `check`, `report`"
    click.echo(f"Next       {steps if on else '`cartwreck list`, or `cartwreck next` names one'}")
    if broken.exists():
        click.secho("Your last save does not start; the store before it goes on:", fg="red")
        click.echo(broken.read_text("utf-8").strip())
    warn_of_edits_outside(sandbox)


@click.command()
@click.argument("slug")
@click.option("--open/--no-open", "opens", default=True, help="Open the workspace in an editor.")
def start(slug: str, opens: bool) -> None:
    """Deploy a scenario, show its ticket and open the workspace."""
    sandbox = here()
    scenario = find_scenario(sandbox.catalogue, slug)
    if read_flags(sandbox) != [slug] or Workspace(sandbox).deployed is None:
        run_switch(sandbox, (slug,), click.echo)
    note_event(sandbox, slug, "started")
    print_text(scenario.read("ticket"))
    click.echo("\nThe store runs what you save in the workspace at once.\n")
    click.get_current_context().invoke(status)
    if opens and sys.stdout.isatty() and (editor := shutil.which("code")):
        subprocess.Popen([editor, str(sandbox.workspace)], start_new_session=True)


@click.command()
@about_one
def ticket(_sandbox: Sandbox, scenario: Scenario) -> None:
    """Show what was reported."""
    print_text(scenario.read("ticket"))


@click.command()
@click.option("--again", is_flag=True, help="Show the hints that you have seen, and no new one.")
@about_one
def hint(sandbox: Sandbox, scenario: Scenario, again: bool) -> None:
    """Show the next hint; the last one says what is wrong."""
    seen = read_progress(sandbox)[scenario.slug].hints
    if again and not seen:
        raise RefusedError("You have seen no hint so far: `cartwreck hint` shows the first.")
    rung = seen if again else min(seen + 1, len(scenario.hints))
    for number in range(1 if again else rung, rung + 1):
        click.secho(f"Hint {number} of {len(scenario.hints)}", bold=True)
        print_text(scenario.hints[number - 1])
    note_event(sandbox, scenario.slug, "hint", rung=rung)


@click.command(name="prove")
@click.argument("file", type=click.Path(path_type=Path))
@about_one
def prove_fault(sandbox: Sandbox, scenario: Scenario, file: Path) -> None:
    """Say whether a test of yours shows the fault: it fails here, and passes on a clean store."""
    is_right, sentence = prove(sandbox, file)
    note_event(sandbox, scenario.slug, "proved", right=is_right)
    end(is_right, sentence)


@click.command()
@click.argument("place", required=False)
@click.option(
    "--nothing-wrong", metavar="EVIDENCE", help="Say that all is well, and what shows it."
)
@about_one
def find(
    sandbox: Sandbox, scenario: Scenario, place: str | None, nothing_wrong: str | None
) -> None:
    """Say where the fault is: shop/FILE.py:LINE or shop/FILE.py::FUNCTION, as deployed."""
    if bool(place) == bool(nothing_wrong):
        raise RefusedError("Say a place, shop/FILE.py:LINE, or --nothing-wrong with what shows it.")
    is_right = scenario.nothing_wrong
    if place:
        is_right = is_place_right(sandbox, scenario, place) and not is_right
    note_event(sandbox, scenario.slug, "found", right=is_right, place=place or nothing_wrong)
    tries = read_progress(sandbox)[scenario.slug].tries["found"]
    no = "No, that is not it." if place else "No: something is wrong."
    end(is_right, f"Yes, that is it (try {tries})." if is_right else f"{no} Try {tries}.")


@click.command()
@_URL
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@about_one
def check(sandbox: Sandbox, scenario: Scenario, database_url: str | None, as_json: bool) -> None:
    """Say whether the fix is right: the check, the smoke suite, then the store's own tests."""
    sys.exit(EXIT_STATUS[_check(sandbox, scenario, database_url, as_json).kind])


def _check(sandbox: Sandbox, scenario: Scenario, url: str | None, as_json: bool) -> Verdict:
    if not as_json:
        warn_of_edits_outside(sandbox)
    verdict = judge_fix(sandbox, scenario, url, lambda text: click.echo(text, err=as_json))
    note_event(sandbox, scenario.slug, "fixed", right=verdict.kind == SOLVED, verdict=verdict.kind)
    if as_json:
        click.echo(json.dumps({**asdict(verdict), "scenario": scenario.slug}, indent=2))
    else:
        print_verdict(verdict)
    return verdict


@click.command()
@_URL
@about_one
def watch(sandbox: Sandbox, scenario: Scenario, database_url: str | None) -> None:
    """Check again whenever a file of the workspace is saved, until it is solved."""
    saves = Watch(sandbox.workspace, lambda text, _color: click.echo(text))
    click.echo("Checking now, and after every save. Ctrl-C ends it.")
    while _check(sandbox, scenario, database_url, as_json=False).kind != SOLVED:
        while not saves.take():
            time.sleep(0.05)
        click.echo("\nSaved: checking again.")


@click.command()
@about_one
def report(sandbox: Sandbox, scenario: Scenario) -> None:
    """Write for a manager, in $EDITOR: impact, cause, what was done, prevention."""
    target = sandbox.state / "reports" / f"{scenario.slug}.md"
    target.parent.mkdir(exist_ok=True)
    form = "".join(f"## {name}\n\n\n" for name in _REPORT)
    if target.exists():
        form = target.read_text("utf-8")
    text = click.edit(form, extension=".md") if sys.stdin.isatty() else sys.stdin.read()
    if not text:
        raise RefusedError("Nothing was written, so nothing is reported.")
    write_whole(target, text)
    parts = {part.partition("\n")[0].strip(): part.partition("\n")[2] for part in text.split("## ")}
    missing = [name for name in _REPORT if len(parts.get(name, "").split()) < 3]
    note_event(sandbox, scenario.slug, "explained", right=not missing)
    what = f"It lacks: {', '.join(missing)}." if missing else "`cartwreck debrief` is open now."
    end(not missing, f"Your report is {target}. {what}")


@click.command()
@about_one
def debrief(sandbox: Sandbox, scenario: Scenario) -> None:
    """Show what it was, once it is solved or explained."""
    if not {"fixed", "explained"} & set(read_progress(sandbox)[scenario.slug].steps):
        raise RefusedError("It opens after `cartwreck report`, or when `check` says solved.")
    print_text(scenario.read("debrief"))


@click.command()
def progress() -> None:
    """Show what you have done."""
    rows = []
    for slug, own in read_progress(here()).items():
        days = [own.steps.get(step, "")[:10] for step in STEPS]
        rows.append((slug, *days, str(own.hints), str(sum(own.tries.values()))))
    table(("scenario", *STEPS, "hints", "tries"), rows)


@click.command(name="next")
def next_scenario() -> None:
    """Name a scenario to go on with: the easiest that you have not solved."""
    sandbox = here()
    done, every = read_progress(sandbox), load_catalogue(sandbox.catalogue).values()
    left = [s for s in every if done[s.slug].state != "solved"]
    if not left:
        click.echo("You have solved them all.")
        return
    best = min(left, key=lambda s: (done[s.slug].state == "", s.level, s.track))
    click.echo(f"{best.slug}: {best.title} (level {best.level}, {best.minutes} minutes)")
    click.echo(f"`cartwreck start {best.slug}` begins it.")


LEARNING = (
    *(list_scenarios, start, ticket, hint, prove_fault, find, check, watch),
    *(report, debrief, progress, next_scenario, status),
)


def warn_of_edits_outside(sandbox: Sandbox) -> None:
    """Say so where somebody has edited the store that does not run."""
    if changed := edits_outside(sandbox):
        click.secho(
            f"You have changed {', '.join(changed[:3])} in the checkout itself, which does not "
            f"run: the store that runs is {sandbox.workspace}. Move your change there, and "
            "undo it here with `git checkout shop seed_data`.",
            fg="yellow",
        )
