"""The scenarios: what their folders say, and what of it may be shown when."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from scenarios.engine.refusal import RefusedError

TRACKS = ("T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8")
KINDS = ("bug", "bottleneck", "data", "vulnerability", "outage")
SEEDS = ("standard", "1k", "10k", "100k", "1m")
_HINT = re.compile(r"^## Hint \d+\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Scenario:
    """One folder of the catalogue; the fields are those of its `scenario.toml`."""

    folder: Path
    title: str
    track: str
    kind: str
    level: int
    minutes: int
    covers: Sequence[str] = ()
    objectives: Sequence[str] = ()
    out_of_scope: Sequence[str] = ()
    seed: str = "standard"
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    demo: Mapping[str, str] = field(default_factory=dict)
    wrong: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    nothing_wrong: bool = False
    spoilers: Sequence[str] = ()

    @property
    def slug(self) -> str:
        """The name that everybody uses."""
        return self.folder.name

    @property
    def patch(self) -> Path:
        """The bad commit."""
        return self.folder / "bad_commit.patch"

    def read(self, name: str) -> str:
        """Return a text of the folder: the ticket, the debrief, the instructor's page."""
        return (self.folder / f"{name}.md").read_text("utf-8").strip()

    @cached_property
    def hints(self) -> list[str]:
        """The rungs of the ladder, the gentlest first."""
        return [rung.strip() for rung in _HINT.split(self.read("hints"))[1:]]

    @property
    def right_fixes(self) -> list[Path]:
        """Patches on top of the bad commit that mend it, beside its revert."""
        return sorted((self.folder / "right").glob("*.patch"))

    @property
    def wrong_fixes(self) -> list[Path]:
        """Patches on top of the bad commit that do not; each has an explanation beside it."""
        return sorted((self.folder / "wrong").glob("*.patch"))

    def is_wrong_on(self, fix: Path, database: str) -> bool:
        """Tell whether a wrong fix is wrong on this kind of database."""
        return database not in self.wrong.get(fix.stem, {}).get("right_on", ())


def list_slugs(folder: Path) -> list[str]:
    """Return the names of all scenarios, without reading them."""
    return sorted(path.parent.name for path in folder.glob("*/scenario.toml"))


def load_catalogue(folder: Path) -> dict[str, Scenario]:
    """Return all scenarios by slug, in the order of tracks and levels.

    :raises RefusedError: naming the first folder that is not as it should be.
    """
    found = [_load(folder / slug) for slug in list_slugs(folder)]
    return {each.slug: each for each in sorted(found, key=lambda s: (s.track, s.level, s.slug))}


def find_scenario(folder: Path, slug: str) -> Scenario:
    """Return a scenario of the catalogue.

    :raises RefusedError: when there is none of this name; it offers those that are alike.
    """
    if slug in (slugs := list_slugs(folder)):
        return _load(folder / slug)
    import difflib

    near = difflib.get_close_matches(slug, slugs, n=3, cutoff=0.5)
    advice = f"did you mean {' or '.join(near)}?" if near else "`cartwreck list` shows them all."
    raise RefusedError(f"There is no scenario {slug!r}: {advice}")


def _load(folder: Path) -> Scenario:
    file = folder / "scenario.toml"
    try:
        facts = tomllib.loads(file.read_text("utf-8"))
        scenario = Scenario(folder, **facts)
    except (tomllib.TOMLDecodeError, TypeError, UnicodeDecodeError) as error:
        raise RefusedError(f"{file} cannot be read: {error}.") from error
    for name, allowed in (("track", TRACKS), ("kind", KINDS), ("seed", SEEDS)):
        if getattr(scenario, name) not in allowed:
            raise RefusedError(f"{file}: {name} is one of {', '.join(allowed)}.")
    return scenario
