"""The commands of learners and instructors: they ask, call and print."""

import json
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

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
from scenarios.engine.progress import STEPS, Progress, note_event, read_progress
from scenarios.engine.refusal import RefusedError
from scenarios.engine.reset import run_switch
from scenarios.engine.running import find_up
from scenarios.engine.sandbox import Sandbox, find_sandbox, write_whole
from scenarios.engine.showing import end, print_text, print_verdict, table
from scenarios.engine.switching import enabled
from scenarios.engine.verdicts import SOLVED, Verdict
from scenarios.engine.watch import Watch
from scenarios.engine.workspace import Workspace

_REPORT = ("Impact", "Cause", "What was done", "Prevention")
_ONE = click.option("--scenario", "slug", metavar="SLUG", help="Which one, where several are on.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_URL = click.option("--database-url", metavar="URL", help="Judge on this PostgreSQL.")


def here() -> Sandbox:
    """Return the sandbox of the folder that the command was given in."""
    sandbox = find_sandbox(Path.cwd())
    sandbox.make_folders()
    return sandbox


@click.command(name="list")
@click.option("--track", type=click.Choice(sorted(TRACKS)), help="Only this track.")
@_JSON
def list_scenarios(track: str | None, as_json: bool) -> None:
    """Show all scenarios, by track and level."""
    sandbox = here()
    done, on = read_progress(sandbox), read_flags(sandbox)
    shown = [s for s in load_catalogue(sandbox.catalogue).values() if track in (None, s.track)]
    if as_json:
        keys = ("slug", "title", "track", "kind", "level", "minutes")
        facts = [{key: getattr(s, key) for key in keys} for s in shown]
        states = [{"on": s.slug in on, "state": _state(done, s.slug)} for s in shown]
        click.echo(json.dumps([a | b for a, b in zip(facts, states, strict=True)], indent=2))
        return
    rows = [
        (s.track, str(s.level), f"{s.minutes} min", s.slug, s.title, _state(done, s.slug))
        for s in shown
    ]
    table(("track", "level", "time", "scenario", "what is reported", ""), rows)
    click.echo("\n`cartwreck start SCENARIO` begins one.")


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
    click.echo(f"\nThe store's code is in {sandbox.workspace}: what you save there runs at once.")
    note = find_up(sandbox)
    click.echo(f"The store: {note.store}/" if note else "`cartwreck up` starts the store.")
    click.echo("Next: see it in the browser; `cartwreck hint`, `find`, `check` when you want them.")
    if opens and sys.stdout.isatty() and (editor := shutil.which("code")):
        subprocess.Popen([editor, str(sandbox.workspace)], start_new_session=True)


@click.command()
@_ONE
def ticket(slug: str | None) -> None:
    """Show what was reported."""
    print_text(current_scenario(here(), slug).read("ticket"))


@click.command()
@_ONE
@click.option("--again", is_flag=True, help="Show the hints that you have seen, and no new one.")
def hint(slug: str | None, again: bool) -> None:
    """Show the next hint; the last one says what is wrong."""
    sandbox = here()
    scenario = current_scenario(sandbox, slug)
    seen = read_progress(sandbox).get(scenario.slug, Progress()).hints
    if again and not seen:
        raise RefusedError("You have seen no hint so far: `cartwreck hint` shows the first.")
    rung = seen if again else min(seen + 1, len(scenario.hints))
    for number in range(1 if again else rung, rung + 1):
        click.secho(f"Hint {number} of {len(scenario.hints)}", bold=True)
        print_text(scenario.hints[number - 1])
    note_event(sandbox, scenario.slug, "hint", rung=rung)


@click.command(name="prove")
@click.argument("file", type=click.Path(path_type=Path))
@_ONE
def prove_fault(file: Path, slug: str | None) -> None:
    """Say whether a test of yours shows the fault: it fails here, and passes on a clean store."""
    sandbox = here()
    scenario = current_scenario(sandbox, slug)
    is_right, sentence = prove(sandbox, file)
    note_event(sandbox, scenario.slug, "proved", right=is_right)
    end(is_right, sentence)


@click.command()
@click.argument("place", required=False)
@click.option(
    "--nothing-wrong", metavar="EVIDENCE", help="Say that all is well, and what shows it."
)
@_ONE
def find(place: str | None, nothing_wrong: str | None, slug: str | None) -> None:
    """Say where the fault is: shop/FILE.py:LINE or shop/FILE.py::FUNCTION, as deployed."""
    sandbox = here()
    scenario = current_scenario(sandbox, slug)
    if bool(place) == bool(nothing_wrong):
        raise RefusedError("Say a place, shop/FILE.py:LINE, or --nothing-wrong with what shows it.")
    is_right = scenario.nothing_wrong
    if place:
        is_right = is_place_right(sandbox, scenario, _deployed(sandbox, place)) and not is_right
    note_event(sandbox, scenario.slug, "found", right=is_right, place=place or nothing_wrong)
    tries = read_progress(sandbox)[scenario.slug].tries["found"]
    no = "No, that is not it." if place else "No: something is wrong."
    end(is_right, f"Yes, that is it (try {tries})." if is_right else f"{no} Try {tries}.")


def _deployed(sandbox: Sandbox, place: str) -> str:
    """Return a place with its path from the workspace on, as an editor may have copied it."""
    path, sign, rest = place.strip().partition(":")
    workspace = sandbox.workspace.resolve()
    for own in ((start / path).resolve() for start in (workspace, Path.cwd())):
        if own.is_file() and own.is_relative_to(workspace):
            return f"{own.relative_to(workspace).as_posix()}{sign}{rest}"
    return place


@click.command()
@_ONE
@_URL
@_JSON
def check(slug: str | None, database_url: str | None, as_json: bool) -> None:
    """Say whether the fix is right: the check, the smoke suite, then the store's own tests."""
    sandbox = here()
    sys.exit(_check(sandbox, current_scenario(sandbox, slug), database_url, as_json).exit_status)


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
@_ONE
@_URL
def watch(slug: str | None, database_url: str | None) -> None:
    """Check again whenever a file of the workspace is saved, until it is solved."""
    sandbox = here()
    saves = Watch(sandbox.workspace, lambda text, _color: click.echo(text))
    click.echo("Checking now, and after every save. Ctrl-C ends it.")
    while _check(sandbox, current_scenario(sandbox, slug), database_url, False).kind != SOLVED:
        while not saves.take():
            time.sleep(0.05)
        click.echo("\nSaved: checking again.")


@click.command()
@_ONE
def report(slug: str | None) -> None:
    """Write for a manager, in $EDITOR: impact, cause, what was done, prevention."""
    sandbox = here()
    scenario = current_scenario(sandbox, slug)
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
@_ONE
def debrief(slug: str | None) -> None:
    """Show what it was, once it is solved or explained."""
    sandbox = here()
    scenario = current_scenario(sandbox, slug)
    steps = read_progress(sandbox).get(scenario.slug, Progress()).steps
    if not {"fixed", "explained"} & set(steps):
        raise RefusedError(
            "The debrief opens once the fault is fixed (`cartwreck check`) or explained "
            "(`cartwreck report`)."
        )
    print_text(scenario.read("debrief"))


@click.command()
@_JSON
def progress(as_json: bool) -> None:
    """Show what you have done."""
    every = read_progress(here())
    if as_json:
        click.echo(json.dumps({slug: asdict(each) for slug, each in every.items()}, indent=2))
        return
    rows = [
        (
            slug,
            *(each.steps.get(s, "")[:10] for s in STEPS),
            str(each.hints),
            str(sum(each.tries.values())),
        )
        for slug, each in every.items()
    ]
    table(("scenario", *STEPS, "hints", "tries"), rows)


@click.command(name="next")
def next_scenario() -> None:
    """Name a scenario to go on with: the easiest that you have not solved."""
    sandbox = here()
    done = read_progress(sandbox)
    left = [
        s for s in load_catalogue(sandbox.catalogue).values() if _state(done, s.slug) != "solved"
    ]
    if not left:
        click.echo("You have solved them all.")
        return
    best = min(left, key=lambda s: (s.slug not in done, s.level, s.track))
    click.echo(f"{best.slug}: {best.title} (level {best.level}, {best.minutes} minutes)")
    click.echo(f"`cartwreck start {best.slug}` begins it.")


def say_where_you_are(sandbox: Sandbox) -> None:
    """Print where somebody is and what can be done next: what `cartwreck` alone says."""
    on = enabled(sandbox)
    click.echo("Cartwreck: a small store that breaks on purpose.\n")
    if not on:
        click.echo("No scenario is on. `cartwreck list` shows them, `cartwreck next` names one.")
    for scenario in on:
        own = read_progress(sandbox).get(scenario.slug, Progress())
        steps = ", ".join(own.steps) or "nothing yet"
        click.echo(f"On: {scenario.slug}, {scenario.title} ({steps}).")
        click.echo("`cartwreck ticket`, `hint`, `find`, `check`; `cartwreck status` says the rest.")
    running = find_up(sandbox)
    click.echo(f"The store: {running.store}/" if running else "`cartwreck up` starts the store.")


LEARNING = (
    *(list_scenarios, start, ticket, hint, prove_fault, find, check, watch),
    *(report, debrief, progress, next_scenario),
)


def _state(done: dict[str, Progress], slug: str) -> str:
    return done[slug].state if slug in done else ""


def warn_of_edits_outside(sandbox: Sandbox) -> None:
    """Say so where somebody has edited the store that does not run."""
    if changed := edits_outside(sandbox):
        click.secho(
            f"You have changed {', '.join(changed[:3])} in the checkout itself, which does not "
            f"run: the store that runs is {sandbox.workspace}. Move your change there, and "
            "undo it here with `git checkout shop seed_data`.",
            fg="yellow",
        )
