"""Each kind of damage to a scenario, and the trial that turns red for it."""

import re
import shutil
from pathlib import Path

import pytest

from scenarios.author.trials import Trials
from scenarios.engine.catalogue import load_catalogue
from tests.scenarios.real_checkout import copy_checkout

SLUG = "order-history-crawl"
PASSES = "def test_it() -> None:\n    assert True\n"
FAILS = "def test_it() -> None:\n    assert False\n"
CRASHES = "def test_it() -> None:\n    raise KeyError('sku')\n"
# It asks for no page, so it cannot tell a store that answers from one that does not.
ASKS_NOTHING = "def test_it(app) -> None:\n    assert app\n"
# It looks at the first page only, which a store that refuses every order still draws.
ORDERS_NOTHING = "def test_it(client) -> None:\n    assert client.get('/').status_code == 200\n"
REFUSES_ORDERS = (
    "shop/services/checkout.py",
    "\n\ndef place_order(*_, **__):\n    raise CartEmpty\n",
)


@pytest.fixture
def trials(tmp_path: Path) -> Trials:
    sandbox = copy_checkout(tmp_path / "checkout", SLUG)
    return Trials(sandbox, load_catalogue(sandbox.catalogue)[SLUG], {"sqlite": None})


def rewrite(trials: Trials, name: str, old: str, new: str) -> None:
    path = trials.scenario.folder / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def check_with(trials: Trials, text: str) -> None:
    (trials.scenario.folder / "check.py").write_text(text, "utf-8")


def test_a_scenario_as_it_should_be_passes_all_that_is_quick(trials: Trials) -> None:
    assert [run() for _, run in trials.quick() if run()] == []


def test_a_patch_that_does_not_apply(trials: Trials) -> None:
    patch = trials.scenario.folder / "bad_commit.patch"
    text = re.sub(r"(?m)^([ -])(\s+\w)", r"\1\2x", patch.read_text("utf-8"))
    patch.write_text(re.sub(r"index \w+\.\.", f"index {'1' * 40}..", text), "utf-8")

    assert "does not fit the store" in (trials.look_at_patch() or "")


def test_a_fix_that_does_not_apply(trials: Trials) -> None:
    fix = trials.scenario.right_fixes[0]
    text = re.sub(r"(?m)^([ -])(\s+\w)", r"\1\2x", fix.read_text("utf-8"))
    fix.write_text(re.sub(r"index \w+\.\.", f"index {'1' * 40}..", text), "utf-8")

    assert fix.name in (trials.apply(fix) or "")


@pytest.mark.parametrize("name", ["ticket.md", "check.py", "bad_commit.patch"])
def test_a_file_that_is_missing(trials: Trials, name: str) -> None:
    (trials.scenario.folder / name).unlink()

    assert trials.look_at_files() == f"{name} is missing."


def test_a_wrong_fix_without_an_explanation(trials: Trials) -> None:
    trials.scenario.wrong_fixes[0].with_suffix(".md").unlink()

    assert "has no explanation" in (trials.look_at_files() or "")


def test_too_few_wrong_fixes(trials: Trials) -> None:
    for fix in trials.scenario.wrong_fixes[2:]:
        fix.unlink()

    assert "are the least" in (trials.look_at_files() or "")


@pytest.mark.parametrize("word", ["selectinload", "Order.lines"])
def test_a_ticket_that_spoils(trials: Trials, word: str) -> None:
    ticket = trials.scenario.folder / "ticket.md"
    ticket.write_text(f"{ticket.read_text('utf-8')}\nPerhaps it is {word}?\n", "utf-8")

    assert "ticket.md says" in (trials.look_at_texts() or "")


def test_a_checks_name_that_spoils(trials: Trials) -> None:
    word = trials.scenario.spoilers[0].replace(" ", "_").replace("-", "_")
    check_with(trials, f"def test_{word}_is_gone() -> None:\n    assert True\n")

    assert "a check's name says" in (trials.look_at_texts() or "")


def test_a_check_that_passes_on_the_bad_commit(trials: Trials) -> None:
    check_with(trials, PASSES)

    assert trials.fails(trials.bad, None) == "The check says 'fault absent'."


def test_a_check_that_crashes(trials: Trials) -> None:
    check_with(trials, CRASHES)

    assert trials.fails(trials.bad, None) == "The check says 'check broken'."


def test_a_check_that_fails_on_the_clean_store(trials: Trials) -> None:
    check_with(trials, FAILS)

    assert "does not pass" in (trials.passes(trials.clean, None) or "")


def test_a_wrong_fix_that_passes(trials: Trials) -> None:
    wrong, right = trials.scenario.wrong_fixes[0], trials.scenario.right_fixes[0]
    shutil.copyfile(right, wrong)

    assert trials.fails(trials.fixed(wrong), None) == "The check says 'fault absent'."


def test_a_right_fix_that_fails(trials: Trials) -> None:
    right, wrong = trials.scenario.right_fixes[0], trials.scenario.wrong_fixes[0]
    shutil.copyfile(wrong, right)

    assert "does not pass" in (trials.passes(trials.fixed(right), None) or "")


def test_a_bad_commit_that_the_smoke_suite_catches(trials: Trials) -> None:
    store = trials.sandbox.root / "shop" / "services" / "checkout.py"
    store.write_text(store.read_text("utf-8") + REFUSES_ORDERS[1], "utf-8")

    assert "tests/smoke/test_purchase.py" in (trials.smokes(None) or "")


@pytest.mark.parametrize(
    ("check", "path", "text"),
    [
        (ASKS_NOTHING, "shop/__init__.py", "\n\ndef _broken(*_):\n    raise RuntimeError\n"),
        (ORDERS_NOTHING, *REFUSES_ORDERS),
    ],
)
def test_a_check_that_a_useless_store_passes(
    trials: Trials, check: str, path: str, text: str
) -> None:
    check_with(trials, check)

    assert trials.refuses(path, text, None) == "The check passes."


def test_a_bad_commit_that_does_not_lint(trials: Trials) -> None:
    rewrite(trials, "bad_commit.patch", "Subject: [PATCH]", "Subject: [PATCH] Untidy:")
    store = trials.sandbox.root / "shop" / "queries" / "orders.py"
    store.write_text(store.read_text("utf-8") + "\n\nx:int = 'a'\n", "utf-8")

    assert trials.lints(trials.bad)
