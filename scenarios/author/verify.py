"""Prove scenarios, several trials at a time, and write down which of them can go together."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations

from scenarios.author.trials import Trial, Trials
from scenarios.engine.catalogue import Scenario
from scenarios.engine.merging import Merger
from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import Sandbox, write_whole

PAIRS = "apart.txt"


@dataclass(frozen=True)
class Result:
    """How one trial of one scenario ended; `problem` is empty when it is as it should be."""

    slug: str
    trial: str
    problem: str


def list_trials(
    sandbox: Sandbox,
    scenario: Scenario,
    databases: dict[str, str | None],
    is_draft: bool,
    is_whole: bool,
) -> Iterator[tuple[str, Trial]]:
    """Yield all trials; those that run the store only where its files are as they should be."""
    trials = Trials(sandbox, scenario, databases)
    quick = list(trials.quick())
    for trial in quick:
        yield scenario.slug, trial
    if not any(run() for _, run in quick):
        for trial in trials.slow(is_draft, is_whole):
            yield scenario.slug, trial


def run_trials(trials: Sequence[tuple[str, Trial]]) -> Iterator[Result]:
    """Run trials, as many at once as there are processors, and yield them as they stand listed."""

    def run(one: tuple[str, Trial]) -> Result:
        slug, (name, call) = one
        return Result(slug, name, call() or "")

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(run, trials)


def list_pairs_apart(sandbox: Sandbox, catalogue: Mapping[str, Scenario]) -> list[str]:
    """Return the pairs that cannot be switched on together."""
    merger, apart = Merger(sandbox), []
    # One that is only begun is no reason to keep it from any other.
    whole = [each for each in catalogue.values() if each.patch.is_file()]
    for one, other in combinations(whole, 2):
        try:
            merger.merge([(one.slug, one.patch), (other.slug, other.patch)])
        except RefusedError:
            apart.append(f"{one.slug} {other.slug}")
    return apart


def check_pairs(sandbox: Sandbox, catalogue: Mapping[str, Scenario], writes: bool) -> str | None:
    """Tell that the table of pairs is not up to date, or bring it up to date."""
    text = "".join(f"{pair}\n" for pair in list_pairs_apart(sandbox, catalogue))
    path = sandbox.catalogue / PAIRS
    if writes:
        write_whole(path, text)
    elif not path.exists() or path.read_text("utf-8") != text:
        return f"{path.name} is not up to date: `cartwreck author verify --write-pairs`."
    return None
