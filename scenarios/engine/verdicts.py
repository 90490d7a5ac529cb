"""What a run of a check says about a fix, in the words that the learner reads."""

import re
from dataclasses import dataclass
from pathlib import Path

from scenarios.engine.catalogue import Scenario
from scenarios.engine.judging import Run, Test

SOLVED = "solved"
NOT_YET = "not yet"
BROKEN_ELSEWHERE = "broken elsewhere"
CANNOT_TELL = "cannot tell"
# What `cartwreck check` ends with.
EXIT_STATUS = {SOLVED: 0, NOT_YET: 1, BROKEN_ELSEWHERE: 3, CANNOT_TELL: 4}
_LABELED = re.compile(r"^\s*(Expected|Seen|Look at):\s*(.+?)\s*$", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z_]{4,}")


@dataclass(frozen=True)
class Verdict:
    """A judgement; `kind` is one of the four, and only the first thing that fails is named."""

    kind: str
    sentence: str
    test: str = ""
    expected: str = ""
    seen: str = ""
    look_at: str = ""
    explanation: str = ""


def judge(run: Run) -> Verdict | None:
    """Return the verdict of a check or of tests of the store, or nothing when all pass."""
    if test := run.failed:
        return _judge_check(test) if test.test.startswith("check.py") else _judge_rest(test)
    if run.misdeeds:
        return Verdict(
            NOT_YET,
            "The store does something that a fix has no need of.",
            expected="A fix changes what the store does with its own data, and nothing else.",
            seen=f"The store {run.misdeeds[0]}.",
        )
    if (place := run.hung) is not None:
        return Verdict(
            NOT_YET,
            "The store stood still, and was stopped.",
            expected="Every request comes to an end.",
            seen=f"It waited at {place} and did not go on." if place else "It did not go on.",
            look_at=place,
        )
    if not run.passed:
        return Verdict(CANNOT_TELL, f"The tests could not be run: {run.trouble}")
    return None


def explain(scenario: Scenario, diff: str) -> str:
    """Return why a known wrong fix is wrong, where what the learner has written is like one.

    Many a wrong fix fails as the bad commit does, so that behavior alone would not tell them apart.
    """
    written = _words_added(diff)

    def likeness(fix: Path) -> float:
        own = _words_added(fix.read_text("utf-8"))
        return len(own & written) / len(own | written) if own else 0.0

    alike = [fix for fix in scenario.wrong_fixes if likeness(fix) > 0.5]
    return max(alike, key=likeness).with_suffix(".md").read_text("utf-8").strip() if alike else ""


def _judge_check(test: Test) -> Verdict:
    if test.outcome == "check broken":
        sentence = f"The check could not be finished: {test.said}"
        return Verdict(CANNOT_TELL, sentence, test.test, look_at=test.place)
    said = dict(_LABELED.findall(test.message))
    return Verdict(
        NOT_YET,
        "The fault is still there.",
        test=test.test,
        expected=said.get("Expected", test.words),
        seen=said.get("Seen", test.said),
        look_at=said.get("Look at", ""),
    )


def _judge_rest(test: Test) -> Verdict:
    sentence = "The fault is gone, and something else of the store no longer works."
    return Verdict(BROKEN_ELSEWHERE, sentence, test.test, test.words, test.said, test.place)


def _words_added(diff: str) -> set[str]:
    added = [line for line in diff.splitlines() if line.startswith("+") and line[:3] != "+++"]
    return {word for line in added for word in _WORD.findall(line.partition("#")[0])}
