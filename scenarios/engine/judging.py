"""Run tests against a store that is not to be trusted, in a process and a folder of their own.

Of the workspace only `shop/` and `seed_data/` get there, of the learner's tests those that are to
be proven; everything else, the check above all, is the engine's own. What the run leaves running is
killed, wherever it has gone.
"""

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from scenarios.engine.asking import run
from scenarios.engine.keeper import Order
from scenarios.engine.merging import MERGED, TEAM_TESTS, Merger
from scenarios.engine.programs import clean_environment
from scenarios.engine.sandbox import Sandbox
from scenarios.engine.snapshot import SHAPE, code_for_data, run_store, snapshot_of, stamp_of

SECONDS = 40.0
_OPTIONS = ("-p", "scenarios.kit.fixtures", "-p", "no:cacheprovider", "-c", os.devnull)


@dataclass(frozen=True)
class Test:
    """One test that has ended; `outcome` is one of the kit's."""

    test: str
    outcome: str
    message: str
    kind: str
    where: str

    @property
    def words(self) -> str:
        """Its name as a sentence."""
        if self.kind == "collection":
            return "The store's code can be loaded."
        name = self.test.rpartition("::")[2].partition("[")[0]
        return name.removeprefix("test_").replace("_", " ").capitalize() + "."

    @property
    def said(self) -> str:
        """The first line of what it raised."""
        return f"{self.kind}: {(self.message.strip().splitlines() or [''])[0]}"

    @property
    def place(self) -> str:
        """Where it failed, as file and line."""
        return self.where.partition(": ")[0]


@dataclass(frozen=True)
class Run:
    """What became of a run: its tests, and what kept it from being one.

    `trouble` is a sentence when nothing was shown, `hung` the place where it stood still.
    """

    tests: tuple[Test, ...] = ()
    misdeeds: tuple[str, ...] = ()
    trouble: str = ""
    hung: str | None = None

    @property
    def failed(self) -> Test | None:
        """The first test that did not pass."""
        return next((each for each in self.tests if each.outcome != "fault absent"), None)

    @property
    def outcome(self) -> str:
        """What the run has shown, in the kit's words."""
        if self.trouble or self.hung is not None or not self.tests:
            return "check broken"
        order = ("fault absent", "fault shown", "check broken")
        return max((each.outcome for each in self.tests), key=order.index)

    @property
    def passed(self) -> bool:
        """Whether every test has said that it passed, and nothing was done that may not be."""
        return self.outcome == "fault absent" and not self.misdeeds


@contextmanager
def judging_room(sandbox: Sandbox, store: Path | str, tests: Iterable[Path] = ()) -> Iterator[Path]:
    """Make a folder with a store and tests in it, and throw it away after use.

    :param store: its folder, or a tree of the private repository.
    :param tests: files and folders to put beside the engine's copies of the team's tests, or over.
    """
    home = sandbox.state / "judging"
    home.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=home, ignore_cleanup_errors=True) as folder:
        own = Path(folder, "store")
        if isinstance(store, str):
            Merger(sandbox).check_out(store, own)
        else:
            _copy((store / name for name in MERGED), own)
            _copy((sandbox.root / name for name in TEAM_TESTS), own / "tests")
        _copy(tests, own / "tests")
        yield Path(folder)


def _copy(sources: Iterable[Path], target: Path) -> None:
    leave_out = shutil.ignore_patterns("__pycache__", "*.sqlite3*")
    target.mkdir(parents=True, exist_ok=True)
    for source in sources:
        if source.is_dir():
            shutil.copytree(source, target / source.name, ignore=leave_out, dirs_exist_ok=True)
        elif source.exists():
            shutil.copyfile(source, target / source.name)


def run_check(
    sandbox: Sandbox,
    room: Path,
    check: Path,
    database_url: str | None = None,
    seconds: float = SECONDS,
    *,
    with_smoke: bool = True,
) -> Run:
    """Run a scenario's check on the store of a room, and the smoke suite beside it.

    Where the check shows the fault, the smoke suite is stopped, and is no part of the run.
    """
    shutil.copyfile(check, room / "store" / "check.py")
    names = ("CHECK_DATABASE_URL", "SHOP_TEST_POSTGRES_URL")
    own = dict.fromkeys(names, database_url) if database_url else made_databases(sandbox, room)
    own["PYTEST_XDIST_WORKER"] = room.name
    run_own = partial(run_tests, sandbox, room, seconds=seconds, own=own)
    run_alone = partial(run_own, ("check.py",), name="check")
    if not with_smoke:
        return run_alone()
    smoke_tests = ("tests/smoke", "-k", "not sqlite" if database_url else "not postgresql")
    stop = Event()
    with ThreadPoolExecutor(1) as pool:
        try:
            waiting = pool.submit(run_own, smoke_tests, name="smoke", stop=stop)
            if not (shown := run_alone()).passed:
                return shown
            smoke = waiting.result()
        finally:
            stop.set()
    return replace(smoke, tests=shown.tests + smoke.tests)


def made_databases(sandbox: Sandbox, room: Path) -> dict[str, str]:
    """Return where a database without rows and one with the standard store lie ready.

    They are the clean store's, and nobody's where the store of the room, or of the workspace, has
    other tables or seeds.
    """
    made_of = {stamp_of(each, SHAPE) for each in (room / "store", code_for_data(sandbox))}
    if made_of != {stamp_of(sandbox.root, SHAPE)}:
        return {}
    found = {}
    for name in ("empty", "standard"):
        made = snapshot_of(sandbox, name, partial(run_store, sandbox), lambda _: None)
        found[f"CHECK_{name.upper()}_STORE"] = str(made)
    return found


def run_tests(
    sandbox: Sandbox,
    room: Path,
    arguments: Sequence[str],
    seconds: float,
    own: Mapping[str, str] | None = None,
    name: str = "report",
    stop: Event | None = None,
) -> Run:
    """Run pytest in a room, for so many seconds at most, and read what it has reported."""
    report, log = room / f"{name}.jsonl", room / f"{name}.log"
    (room / name).mkdir()
    options = (*_OPTIONS, "--rootdir", str(room / "store"), f"--basetemp={room / name}/t")
    environment = clean_environment("PYTEST_", "CHECK_", "COV_", "CI") | {
        "PYTHONPATH": str(sandbox.root),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "NO_PROXY": "*",
    }
    still = ("-o", f"faulthandler_timeout={seconds / 2:.0f}")
    order = Order(
        arguments=(str(report), *options, *still, *arguments),
        folder=str(room / "store"),
        path=(str(room / "store"), str(sandbox.root)),
        environment=environment | {**(own or {}), "TMPDIR": str(room / name)},
        log=str(log),
    )
    return _read(report, log, run(sandbox, order, seconds, stop or Event()))


def _read(report: Path, log: Path, in_time: bool) -> Run:
    lines = report.read_text("utf-8").splitlines() if report.exists() else []
    try:
        facts = [json.loads(line) for line in lines]
        tests = tuple(Test(**each) for each in facts if "test" in each)
    except (ValueError, TypeError):
        return Run(trouble="Something else than its tests has written its report.")
    last = facts[-1] if facts and "status" in facts[-1] else None
    said = log.read_text("utf-8", "replace")
    if last and last["status"] in (0, 1) and len(tests) >= last["count"] > 0:
        return Run(tests, tuple(last["misdeeds"]))
    if last is None and not in_time:
        return Run(tests, hung=_place(said))
    broken = next((each.message for each in tests if each.kind == "collection"), said)
    words = [line.removeprefix("E ").strip() for line in broken.splitlines() if line.strip()]
    ended = "" if last else "It ended before all tests had reported. "
    # There is a sentence in any case: a run without one would be judged by the tests it has.
    trouble = ended + (words[-1] if words else "It said nothing.")
    return Run(tests, tuple(last["misdeeds"]) if last else (), trouble)


def _place(said: str) -> str:
    """Return the innermost place in the store, of the stack that was printed at a standstill."""
    found = re.findall(r'File ".*?/store/(shop/[^"]+)", line (\d+)', said)
    return f"{found[0][0]}:{found[0][1]}" if found else ""
