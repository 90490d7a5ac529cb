import json

import pytest
from click.testing import CliRunner

from tests.attacks import run
from tests.attacks.api_cases import read_findings
from tests.attacks.audit import read_audit
from tests.attacks.outcomes import CannotRun, Outcome, Wishes
from tests.attacks.run import main
from tests.attacks.timing import chance, is_telling

SAME = [0.020 + nth / 10_000 for nth in range(40)]
LATER = [each + 0.010 for each in SAME]


def finds_nothing(wishes: Wishes) -> Outcome:
    return Outcome(wishes.cases, ())


def finds_something(wishes: Wishes) -> Outcome:
    return Outcome(wishes.cases, ("a door that is open",))


def lacks_something(wishes: Wishes) -> Outcome:
    raise CannotRun("it takes an elephant")


@pytest.fixture
def attacks(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """The list of attacks, empty for the test's own."""
    monkeypatch.delenv("CI", raising=False)
    found: dict[str, object] = {}
    monkeypatch.setattr(run, "ATTACKS", found)
    return found


def test_an_attack_that_finds_nothing_counts_its_cases(attacks: dict[str, object]) -> None:
    attacks["api"] = finds_nothing

    done = CliRunner().invoke(main, ["--cases", "12"])

    assert (done.exit_code, done.output.splitlines()) == (
        0,
        ["api     12 cases, 0 findings, 0 s", "1 of 1 attacks found nothing, 0 found something."],
    )


def test_a_finding_makes_the_command_fail(attacks: dict[str, object]) -> None:
    attacks |= {"api": finds_nothing, "slow": finds_something}

    done = CliRunner().invoke(main)

    assert done.exit_code == 1
    assert "  FINDING a door that is open" in done.output.splitlines()


@pytest.mark.parametrize(("environment", "status"), [({}, 0), ({"CI": "true"}, 1)])
def test_what_was_not_run_never_counts_as_passed(
    attacks: dict[str, object], environment: dict[str, str], status: int
) -> None:
    attacks["audit"] = lacks_something

    done = CliRunner().invoke(main, env=environment)

    assert (done.exit_code, done.output.splitlines()) == (
        status,
        [
            "audit   not run: it takes an elephant",
            "0 of 1 attacks found nothing, 0 found something, 1 not run.",
        ],
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--attack", "elephant"], "'elephant' is not one of 'api', 'audit', 'slow', 'timing'."),
        (["--cases", "0"], "0 is not in the range x>=1."),
        (["--cases", "many"], "'many' is not a valid integer range."),
    ],
)
def test_wrong_arguments_are_refused_with_a_sentence(arguments: list[str], sentence: str) -> None:
    done = CliRunner().invoke(main, arguments)

    assert done.exit_code == 2
    assert sentence in done.output


def test_the_failures_of_schemathesis_are_findings() -> None:
    output = "=== FAILURES ===\n1. Test Case ID: a\n- Server error\n2. Test Case ID: b\n- Slow\n"

    assert read_findings(0, output) == []
    assert read_findings(1, output) == ["a\n- Server error\n", "b\n- Slow\n"]
    assert read_findings(2, "no such file") == ["schemathesis ended with 2: no such file"]


def test_a_vulnerable_package_is_a_finding() -> None:
    lamp = {"name": "lamp", "version": "1.0", "vulns": [{"id": "PYSEC-2026-1"}]}
    rug = {"name": "rug", "version": "2.0", "vulns": []}

    outcome = read_audit(json.dumps({"dependencies": [lamp, rug]}), "")

    assert outcome == Outcome(2, ("lamp 1.0: PYSEC-2026-1",))


def test_an_audit_without_an_answer_was_not_run() -> None:
    with pytest.raises(CannotRun, match="cannot reach its database: ConnectionError"):
        read_audit("", "INFO\nConnectionError")


def test_times_are_told_apart_only_when_they_differ_by_much() -> None:
    assert not is_telling((SAME, SAME))
    assert not is_telling((SAME, [each + 0.0009 for each in SAME]))
    assert is_telling((SAME, LATER))


def test_chance_is_certain_for_equal_times_and_rare_for_others() -> None:
    assert chance((SAME, SAME)) == 1
    assert chance((SAME, LATER)) < 1e-9
