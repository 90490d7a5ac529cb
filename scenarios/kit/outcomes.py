"""What a check found: the fault, no fault, or nothing because the check itself is broken.

Only an `assert` that fails in the check's own file shows a fault, or one of the kit's functions
that are named `assert_...`. Anything else that goes wrong, an `assert` of the store or of an actor
included, says nothing about the store and must never be taken for a verdict.

    python -m pytest -p scenarios.kit.fixtures -p scenarios.kit.outcomes check.py
        --check-verdict FILE
"""

from collections.abc import Collection, Generator
from enum import StrEnum
from pathlib import Path
from traceback import walk_tb

import pytest


class Outcome(StrEnum):
    """The three things that a check can come to."""

    FAULT_SHOWN = "fault shown"
    FAULT_ABSENT = "fault absent"
    CHECK_BROKEN = "check broken"


class CheckBroken(Exception):
    """The check has shown nothing: an actor never ran, or something unforeseen happened."""


class FaultShown(AssertionError):
    """An assertion of the kit, made on behalf of the check, that does not hold."""


def outcome_of_call(error: BaseException | None, check: Path) -> Outcome:
    """Return what the call of one test of a check came to.

    :param error: what the test raised, None when it passed.
    :param check: the file of the check.
    """
    if error is None:
        return Outcome.FAULT_ABSENT
    is_own = isinstance(error, AssertionError) and _raised_in(error) == check.resolve()
    return Outcome.FAULT_SHOWN if is_own or isinstance(error, FaultShown) else Outcome.CHECK_BROKEN


def verdict_of(outcomes: Collection[Outcome]) -> Outcome:
    """Return what all tests of a check come to: one that is broken breaks it, and so does none."""
    if not outcomes or Outcome.CHECK_BROKEN in outcomes:
        return Outcome.CHECK_BROKEN
    return Outcome.FAULT_SHOWN if Outcome.FAULT_SHOWN in outcomes else Outcome.FAULT_ABSENT


def read_verdict(file: Path) -> Outcome:
    """Return the verdict that a run of pytest has written, if it came to one.

    A run that was killed or ran out of time has written nothing.
    """
    return Outcome(file.read_text("utf-8")) if file.exists() else Outcome.CHECK_BROKEN


class VerdictPlugin:
    """The plugin of pytest that collects the outcomes of a check's tests and writes the verdict."""

    def __init__(self, verdict: Path) -> None:
        self._verdict = verdict
        self._outcomes: list[Outcome] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        error = call.excinfo.value if call.excinfo else None
        # A test that was skipped, or was expected to fail, has shown nothing, and neither has one
        # whose fixtures fail.
        is_odd = hasattr(report, "wasxfail") or report.passed != (error is None)
        if is_odd or report.skipped or (call.when != "call" and error):
            self._outcomes.append(Outcome.CHECK_BROKEN)
        elif call.when == "call":
            self._outcomes.append(outcome_of_call(error, item.path))
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if not report.passed:
            self._outcomes.append(Outcome.CHECK_BROKEN)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        # Beside "all passed" and "some failed" every ending is one that nobody planned.
        planned = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        is_ended = exitstatus in planned and len(self._outcomes) >= session.testscollected
        verdict = verdict_of(self._outcomes) if is_ended else Outcome.CHECK_BROKEN
        self._verdict.write_text(verdict, "utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the file for the verdict."""
    parser.addoption("--check-verdict", type=Path, help="write a check's verdict into this file")


def pytest_configure(config: pytest.Config) -> None:
    """Collect outcomes, where a verdict is asked for."""
    if verdict := config.getoption("--check-verdict"):
        config.pluginmanager.register(VerdictPlugin(verdict))


def _raised_in(error: BaseException) -> Path | None:
    """Return the file of the line that raised the error."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    return Path(frames[-1].f_code.co_filename).resolve() if frames else None
