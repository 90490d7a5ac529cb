"""Run pytest on a store that may do anything, and report every test as it ends.

    python -m scenarios.kit.guarded REPORT [--may-start-programs] PYTEST-ARGUMENTS...

The report has a JSON object a line: one for each test that has ended, and a last one that says that
all have. A run that was killed, or left by `os._exit`, has no last line. Memory is limited; what
starts programs, speaks to other machines or writes outside of its folder is refused and reported.
"""

import gc
import json
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import IO, Any

import pytest

from scenarios.kit.outcomes import Outcome, outcome_of_call

MOST_MEMORY = 2 << 30
MOST_BYTES_A_FILE = 1 << 28
_STARTS = ("os.fork", "os.forkpty", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn")
_WRITES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod", "os.chown")
_LINKS = ("os.link", "os.symlink", "sqlite3.connect", "shutil.rmtree")
_MAY_START = "--may-start-programs"
_THIS_MACHINE = ("127.0.0.1", "::1", "localhost", "")


class Guard:
    """What listens to everything that the process does, and says no to some of it."""

    def __init__(self, home: Path, may_start_programs: bool) -> None:
        """Take the folder in which anything may be written."""
        self.misdeeds: list[str] = []
        self._homes = (f"{home.resolve()}/", f"{home}/", "/dev/")
        self._starts = () if may_start_programs else _STARTS

    def __call__(self, event: str, facts: tuple[Any, ...]) -> None:
        """Refuse by raising, and remember it in case the exception is swallowed."""
        if event == "open":
            if _writes(facts[1], facts[2]):
                self._keep_inside(facts[0])
        elif event in self._starts:
            self._refuse("starts another program or process")
        elif event in _WRITES or event in _LINKS:
            self._keep_inside(facts[0])
        elif event == "socket.connect" and _is_elsewhere(facts[1]):
            self._refuse(f"speaks to another machine, {facts[1][0]}")

    def _keep_inside(self, path: object) -> None:
        if isinstance(path, str | bytes | os.PathLike) and path != ":memory:":
            # The path of a database may be an address, with options.
            full = os.path.abspath(os.fsdecode(path).removeprefix("file:").partition("?")[0])  # noqa: PTH100
            if not full.startswith(self._homes):
                self._refuse(f"writes outside of its folder, to {full}")

    def _refuse(self, what: str) -> None:
        self.misdeeds.append(what)
        raise PermissionError(f"The store {what}, which nothing here may do.")


class Reporter:
    """The plugin of pytest that writes the report."""

    def __init__(self, file: IO[str], guard: Guard) -> None:
        """Take the open report."""
        self._file, self._guard = file, guard

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Generator[None, Any, Any]:
        """Write what became of a test, once it was called or could not be."""
        report = yield
        error = call.excinfo.value if call.excinfo else None
        if call.when == "call" or error:
            is_odd = hasattr(report, "wasxfail") or report.passed != (error is None)
            outcome = outcome_of_call(error, item.path)
            if is_odd or report.skipped or (call.when != "call"):
                outcome = Outcome.CHECK_BROKEN
            where = str(report.longrepr.reprcrash) if hasattr(report.longrepr, "reprcrash") else ""
            told = {"test": item.nodeid, "outcome": outcome, "message": str(error or "")}
            self._write(**told, kind=type(error).__name__, where=where)
        return report

    def pytest_collectreport(self, report: Any) -> None:
        """Write why a file could not be read."""
        if report.failed:
            told = {"test": report.nodeid, "outcome": "check broken", "kind": "collection"}
            self._write(**told, message=str(report.longrepr), where="")

    def pytest_sessionfinish(self, session: Any, exitstatus: int) -> None:
        """Write the last line."""
        count, misdeeds = session.testscollected, self._guard.misdeeds
        self._write(status=int(exitstatus), count=count, misdeeds=misdeeds)

    def _write(self, **facts: Any) -> None:
        self._file.write(json.dumps(facts) + "\n")
        self._file.flush()


def main() -> None:
    """Set the limits and run pytest in this process."""
    report, *arguments = sys.argv[1:]
    may_start = _MAY_START in arguments
    sys.dont_write_bytecode = True
    _limit()
    guard = Guard(Path(report).parent, may_start)
    with Path(report).open("w", encoding="utf-8") as file:
        sys.addaudithook(guard)
        # What is imported stays, and a run of seconds leaves little else to be found.
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        sys.exit(
            pytest.main([a for a in arguments if a != _MAY_START], plugins=[Reporter(file, guard)])
        )


def _limit() -> None:
    import resource

    limits = ((resource.RLIMIT_AS, MOST_MEMORY), (resource.RLIMIT_FSIZE, MOST_BYTES_A_FILE))
    for what, most in (*limits, (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(what)
        resource.setrlimit(
            what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard)
        )


def _is_elsewhere(address: object) -> bool:
    return isinstance(address, tuple) and address[0] not in _THIS_MACHINE


def _writes(mode: object, flags: int) -> bool:
    if isinstance(mode, str):
        return not set(mode).isdisjoint("wax+")
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


if __name__ == "__main__":
    main()
