"""Which scenarios are deployed, and what else a switch has to do: conditions, and other seeds."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from scenarios.engine.catalogue import SEEDS, Scenario, find_scenario, list_slugs
from scenarios.engine.flags import read_flags, write_flags
from scenarios.engine.sandbox import Sandbox
from scenarios.engine.workspace import Workspace

# Another order of migrations or another cast needs a database that is made anew.
_RESETS = ("shop/migrations/", "seed_data/")


def deploy(sandbox: Sandbox, slugs: Sequence[str]) -> bool:
    """Bring the workspace and the flags to exactly these scenarios.

    Return whether the database must start over. Where just these are on, and somebody works on
    them, nothing is done.

    :raises RefusedError: when one is unknown, two cannot go together, or a learner's work is in
        the way; nothing has then changed.
    """
    workspace = Workspace(sandbox)
    scenarios = [find_scenario(sandbox.catalogue, slug) for slug in dict.fromkeys(slugs)]
    seed_before, before = seed_of(enabled(sandbox)), workspace.deployed
    if before and before.slugs == list(slugs) and workspace.changes:
        return False
    workspace.refuse_changes()
    changed = workspace.deploy(_patches(scenarios))
    write_flags(sandbox, list_slugs(sandbox.catalogue), [s.slug for s in scenarios])
    is_other = seed_of(scenarios) != seed_before or any(p.startswith(_RESETS) for p in changed)
    return is_other and before is not None


def ensure_workspace(sandbox: Sandbox) -> None:
    """Make the workspace where there is none, and update one that nobody has worked in.

    A store that was pulled anew reaches a learner in the middle of a scenario with the next switch
    or reset.
    """
    workspace, on = Workspace(sandbox), enabled(sandbox)
    if not workspace.is_made_of(_patches(on)) and not workspace.changes:
        deploy(sandbox, [each.slug for each in on])


def enabled(sandbox: Sandbox) -> list[Scenario]:
    """Return the scenarios that are on, leaving out what the catalogue no longer has."""
    known = list_slugs(sandbox.catalogue)
    return [find_scenario(sandbox.catalogue, slug) for slug in read_flags(sandbox) if slug in known]


def _patches(scenarios: Iterable[Scenario]) -> list[tuple[str, Path]]:
    return [(each.slug, each.patch) for each in scenarios]


def conditions_of(scenarios: Iterable[Scenario]) -> dict[str, dict[str, object]]:
    """Return what they ask of the outside world, by service."""
    found = dict[str, dict[str, object]]()
    for scenario in scenarios:
        for service, values in scenario.conditions.items():
            found.setdefault(service, {}).update(values)
    return found


def seed_of(scenarios: Iterable[Scenario]) -> str:
    """Return the largest seed that any of them asks for."""
    return max((each.seed for each in scenarios), key=SEEDS.index, default=SEEDS[0])
