import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.load.soak.__main__ import main
from tests.load.soak.report import Report
from tests.load.soak.rules import Finding
from tests.load.soak.run import Plan, soak
from tests.load.soak.visitors.refusals import find_refusal


@pytest.mark.xdist_group("load")
def test_a_few_visitors_leave_a_sound_store(server: str | None, tmp_path: Path) -> None:
    stores = 1 if server is None else 2

    report = soak(server, tmp_path, Plan(10, 8, stores, stores, hurry=True))

    assert report.violations == []
    # What each kind of visitor begins with.
    kinds = {"place order", "sign in", "staff: dashboard", "api: place order"}
    assert {each.what for each in report.requests} >= kinds


def make_report(**parts: object) -> Report:
    nothing = dict.fromkeys(("requests", "growth", "findings", "failures", "trouble"), ())
    counts: dict[str, object] = {name: {} for name in ("refusals", "orders", "world", "memory")}
    numbers = {"seconds": 60.0, "settled_in": 1.0, "glances": 1}
    return Report(**{**nothing, **counts, **numbers, **parts})  # type: ignore[arg-type]


def test_a_run_without_violations_is_sound() -> None:
    report = make_report(findings=[Finding("no order is lost", 3, [])])

    assert str(report).endswith("SOUND: every rule holds.")
    assert json.loads(report.to_json())["is_sound"]


@pytest.mark.parametrize(
    "parts",
    [
        {"findings": [Finding("no order is lost", 3, ["BB-1 is lost."])]},
        {"failures": ["BB-1 is lost."]},
        {"growth": ["BB-1 is lost."]},
        {"trouble": ["BB-1 is lost."]},
    ],
)
def test_whatever_is_wrong_is_told_and_makes_the_run_fail(parts: dict[str, object]) -> None:
    report = make_report(**parts)

    assert "BB-1 is lost." in str(report)
    assert str(report).endswith("NOT SOUND: 1 violation.")
    assert not json.loads(report.to_json())["is_sound"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--shoppers", "3"], "3 is not in the range x>=4"),
        (["--minutes", "0"], "0 is not in the range"),
        (["--minutes", "soon"], "'soon' is not a valid float"),
        (["--stores", "0"], "0 is not in the range x>=1"),
        (["--database", "mysql://host/store"], "give postgresql+psycopg://USER@HOST/NAME"),
        (["--database", "postgresql+psycopg://127.0.0.1:9/store"], "it cannot be reached: "),
        (["--json", "no/such/folder.json"], "No such file or directory"),
    ],
)
def test_a_wrong_argument_is_answered_with_a_sentence(arguments: list[str], sentence: str) -> None:
    done = CliRunner().invoke(main, arguments)

    assert done.exit_code == 2
    assert sentence in done.output


def test_a_refusal_is_one_by_its_status_and_its_sentence() -> None:
    silent = "The payment provider does not answer just now. Nothing was charged."

    assert find_refusal(503, silent, ["provider silent"]) == "provider silent"
    assert find_refusal(503, "Something went wrong", ["provider silent"]) is None
    assert find_refusal(500, silent, ["provider silent"]) is None
    assert find_refusal(503, silent, ["sold out"]) is None
