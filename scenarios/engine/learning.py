"""What a learner may ask of a scenario: prove it, find it, judge a fix. Nothing here prints."""

import ast
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from threading import Event

from scenarios.engine.catalogue import Scenario, find_scenario
from scenarios.engine.git import run_git
from scenarios.engine.judging import Run, judging_room, run_check, run_tests
from scenarios.engine.merging import MERGED, Merger
from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import Sandbox
from scenarios.engine.switching import enabled
from scenarios.engine.verdicts import NOT_YET, SOLVED, Verdict, explain, judge
from scenarios.engine.workspace import Workspace

PROOF_SECONDS = 60.0
SUITE_SECONDS = 300.0
_PROCESSORS = os.cpu_count() or 2
_SHARES = 2 * _PROCESSORS
_PLACE = re.compile(r"(?P<path>[^:]+\.\w+)(?::(?P<line>\d+)|::(?P<name>[\w.]+))")
# What needs the rest of the project, another process, or more time than an answer may take.
_NOT_IN_SUITE = (
    "access accounts acidrain architecture attacks backup bad_checkout bad_pages browser_races "
    "commands compose docs feed health index_use large_store log migrations order_sequences "
    "password_memory passwords pricing same_sums seed staff upgrade"
)


def current_scenario(sandbox: Sandbox, slug: str | None) -> Scenario:
    """Return the scenario that is meant: the one that is on, where only one is.

    :raises RefusedError: when none is on, or several are and none was named.
    """
    on = {each.slug: each for each in enabled(sandbox)}
    if slug and find_scenario(sandbox.catalogue, slug).slug not in on:
        raise RefusedError(f"{slug} is not on: `cartwreck start {slug}`.")
    if not on:
        raise RefusedError("No scenario is on: `cartwreck list` shows all, `start` begins one.")
    if not slug and len(on) > 1:
        raise RefusedError(f"Several scenarios are on: say --scenario {' or '.join(on)}.")
    return on[slug or next(iter(on))]


def judge_fix(
    sandbox: Sandbox, scenario: Scenario, database_url: str | None, say: Callable[[str], None]
) -> Verdict:
    """Judge the workspace as it is on disk; say so in between, once the check has passed.

    What is saved meanwhile has no part in it.
    """
    workspace, check = Workspace(sandbox), scenario.folder / "check.py"
    with judging_room(sandbox, workspace.folder) as taken:
        store, diff = taken / "store", workspace.read_diff()
        with judging_room(sandbox, store) as room:
            verdict = judge(run_check(sandbox, room, check, database_url))
        if verdict:
            explained = explain(scenario, diff) if verdict.kind == NOT_YET else ""
            return replace(verdict, explanation=explained)
        say("The check passes, and the smoke suite too. Now the rest of the store's own tests ...")
        return judge_whole_store(sandbox, store) or Verdict(SOLVED, "Solved.")


def judge_whole_store(sandbox: Sandbox, store: Path) -> Verdict | None:
    """Run the store's own suite, and return what is wrong, if anything is."""
    suite = sandbox.root / "tests" / "shop"
    left_out = {f"test_{name}" for name in _NOT_IN_SUITE.split()}
    chosen = [file for file in suite.glob("test_*.py") if file.stem not in left_out]
    # The long ones first, so that the shares take about the same time.
    chosen.sort(key=lambda file: (-file.stat().st_size, file.name))
    stop = Event()

    def run_share(nth: int) -> Verdict | None:
        names = [f"tests/shop/{file.name}" for file in chosen[nth::_SHARES]]
        with judging_room(sandbox, store, [suite]) as room:
            # Some tests hold the store to its documentation.
            (room / "store" / "docs").symlink_to(sandbox.root / "docs")
            options = ("--may-start-programs", "-x", "-k", "not postgresql", *names)
            return judge(run_tests(sandbox, room, options, SUITE_SECONDS, stop=stop))

    with ThreadPoolExecutor(_PROCESSORS) as pool:
        try:
            shares = [pool.submit(run_share, nth) for nth in range(_SHARES)]
            return next(filter(None, (each.result() for each in as_completed(shares))), None)
        finally:
            # One that fails ends all others, of which nothing is known then.
            stop.set()


def prove(sandbox: Sandbox, file: Path) -> tuple[bool, str]:
    """Tell whether a learner's test fails on the store as deployed and passes on the clean one.

    :raises RefusedError: when it is no test of the workspace.
    """
    workspace = Workspace(sandbox)
    deployed, own = workspace.deployed, _in_workspace(sandbox, file)
    if deployed is None or own is None:
        raise RefusedError(f"There is no test {file} in the workspace, {workspace.folder}/tests.")
    bad, clean = (
        _prove_on(sandbox, tree, workspace.folder / "tests", own)
        for tree in (deployed.tree, deployed.clean)
    )
    if bad.trouble or bad.hung is not None:
        return False, f"The test could not be run: {bad.trouble or 'it did not come to an end.'}"
    if bad.passed:
        return False, "It passes on the store as it was deployed, so it does not show the fault."
    if not clean.passed:
        said = clean.failed.said if clean.failed else clean.trouble
        return False, f"The test fails on a store without the fault too: {said}"
    return True, "The test fails here, and passes on a store without the fault: that is a proof."


def _in_workspace(sandbox: Sandbox, file: Path) -> str | None:
    """Return the path of a file from the workspace on, however an editor or a shell names it."""
    folder = sandbox.workspace.resolve()
    for own in ((start / file).resolve() for start in (folder, Path.cwd())):
        if own.is_file() and own.is_relative_to(folder):
            return own.relative_to(folder).as_posix()
    return None


def _prove_on(sandbox: Sandbox, tree: str, tests: Path, name: str) -> Run:
    with judging_room(sandbox, tree, tests.iterdir()) as room:
        return run_tests(sandbox, room, (name, "-k", "not postgresql"), PROOF_SECONDS)


def is_place_right(sandbox: Sandbox, scenario: Scenario, place: str) -> bool:
    """Tell whether `file:line` or `file::function` is where the bad commit is.

    Lines count as in the root commit of the workspace; a line is right anywhere in a function that
    the bad commit has changed.

    :raises RefusedError: when there is no such place.
    """
    deployed, merger = Workspace(sandbox).deployed, Merger(sandbox)
    found = _PLACE.fullmatch(place.strip())
    # The learner may have deleted it since.
    path = (_in_workspace(sandbox, Path(found["path"])) or found["path"]) if found else ""
    text = merger.read(deployed.tree, path) if deployed else None
    if found is None or deployed is None or text is None:
        raise RefusedError(
            f"{place!r} is no place in the store: say shop/FILE.py:LINE or shop/FILE.py::FUNCTION."
        )
    functions = list(_functions(ast.parse(text))) if path.endswith(".py") else []
    asked = [span for name, span in functions if name.endswith(f".{found['name']}")]
    if found["name"] and not asked:
        raise RefusedError(f"There is no function {found['name']} in {path} as it was deployed.")
    line, last = int(found["line"] or 1), len(text.splitlines()) or 1
    if not 1 <= line <= last:
        raise RefusedError(f"There is no line {line} in {path} as it was deployed: it has {last}.")
    others = [(s.slug, s.patch) for s in enabled(sandbox) if s.slug != scenario.slug]
    before = merger.merge(others, deployed.clean)
    right = merger.changed_lines(before, deployed.tree, path)
    around = [[span for _, span in functions if changed in span] for changed in right]
    right.update(*(min(spans, key=len) for spans in around if spans))
    return any(not right.isdisjoint(span) for span in asked or [range(line, line + 1)])


def _functions(node: ast.AST, outside: str = "") -> Iterator[tuple[str, range]]:
    """Yield the lines of every function and method, behind its name, such as `.Class.method`."""
    for child in ast.iter_child_nodes(node):
        name = outside
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{outside}.{child.name}"
            if not isinstance(child, ast.ClassDef):
                yield name, range(child.lineno, (child.end_lineno or child.lineno) + 1)
        yield from _functions(child, name)


def edits_outside(sandbox: Sandbox) -> list[str]:
    """Return files of the checkout's own `shop/` that somebody has changed, where git can tell."""
    if not (sandbox.root / ".git").exists():
        return []
    listed = run_git("-C", sandbox.root, "status", "--porcelain", "--", *MERGED)
    return [line[3:] for line in listed.splitlines()]
