import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scenarios.engine import judging, learning
from scenarios.engine.catalogue import Scenario, find_scenario, load_catalogue
from scenarios.engine.cli import main
from scenarios.engine.learning import current_scenario, is_place_right, judge_fix
from scenarios.engine.progress import read_progress
from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import Sandbox
from scenarios.engine.showing import table
from scenarios.engine.switching import deploy
from scenarios.engine.verdicts import explain
from tests.scenarios.small_checkout import SHELF, add_scenario, git, make_checkout, write


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return make_checkout(tmp_path / "checkout")


@pytest.fixture
def dear(sandbox: Sandbox) -> Scenario:
    deploy(sandbox, ["dear"])
    return load_catalogue(sandbox.catalogue)["dear"]


def run(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, *words: str, typed: str = "") -> Result:
    monkeypatch.chdir(sandbox.root)
    return CliRunner().invoke(main, list(words), input=typed)


@pytest.mark.parametrize(
    ("place", "is_right"),
    [
        ("shop/shelf.py:2", True),
        ("shop/shelf.py:1", True),
        ("shop/shelf.py:6", False),
        ("shop/shelf.py::price", True),
        ("./shop/shelf.py::stock", False),
        ("shop/__init__.py:1", False),
    ],
)
def test_a_place_is_right_where_the_bad_commit_or_its_function_is(
    sandbox: Sandbox, dear: Scenario, place: str, is_right: bool
) -> None:
    assert is_place_right(sandbox, dear, place) is is_right


def test_lines_count_as_they_were_deployed(sandbox: Sandbox, dear: Scenario) -> None:
    write(sandbox.workspace / "shop" / "shelf.py", f"# Mine.\n# Mine.\n{SHELF}")
    git(sandbox.workspace, "commit", "--quiet", "--all", "--message", "Mine")

    assert is_place_right(sandbox, dear, "shop/shelf.py:2")


def test_each_scenario_has_its_own_place_where_several_are_on(sandbox: Sandbox) -> None:
    deploy(sandbox, ["dear", "scarce"])
    scarce = load_catalogue(sandbox.catalogue)["scarce"]

    found = [is_place_right(sandbox, scarce, f"shop/shelf.py::{f}") for f in ("price", "stock")]

    assert found == [False, True]


def test_what_a_store_that_was_pulled_anew_has_changed_is_no_place(
    sandbox: Sandbox, dear: Scenario
) -> None:
    write(sandbox.root / "shop" / "shelf.py", SHELF.replace("return 3", "return 4"))

    assert not is_place_right(sandbox, dear, "shop/shelf.py::stock")


def test_a_place_is_the_innermost_function(sandbox: Sandbox) -> None:
    text = "def outer():\n    def inner():\n        return 5\n\n    return inner\n"
    write(sandbox.root / "shop" / "nested.py", text)
    add_scenario(sandbox.root, "deep", "return 5", "return 6", "shop/nested.py")
    deploy(sandbox, ["deep"])
    deep = find_scenario(sandbox.catalogue, "deep")

    found = [is_place_right(sandbox, deep, f"shop/nested.py:{line}") for line in (1, 2, 3, 5)]

    assert found == [False, True, True, False]


@pytest.mark.parametrize(
    ("name", "is_right"),
    [("total", True), ("Cart.total", True), ("Order.total", False), ("tax", True)],
)
def test_a_name_may_be_that_of_several_functions(
    sandbox: Sandbox, name: str, is_right: bool
) -> None:
    text = (
        "class Cart:\n    def total(self):\n        return 5\n\n\n"
        "class Order:\n    def total(self):\n        return 8\n\n\n"
        "if True:\n    def tax():\n        return 5\n"
    )
    write(sandbox.root / "shop" / "sums.py", text)
    add_scenario(sandbox.root, "short", "return 5", "return 6", "shop/sums.py")
    deploy(sandbox, ["short"])
    short = find_scenario(sandbox.catalogue, "short")

    assert is_place_right(sandbox, short, f"shop/sums.py::{name}") is is_right


def test_a_place_may_be_in_a_page(sandbox: Sandbox) -> None:
    add_scenario(sandbox.root, "pale", "<h1>Shop</h1>", "<h1>Shp</h1>", "shop/web/page.html")
    deploy(sandbox, ["pale"])
    pale = find_scenario(sandbox.catalogue, "pale")

    assert is_place_right(sandbox, pale, "shop/web/page.html:1")


NO_PLACES = ("shop/none.py:1", "shelf", "shop/shelf.py::none", "", "a:b:c", "shop/shelf.py:0")


@pytest.mark.parametrize("place", [*NO_PLACES, "shop/shelf.py:7", "shop/web/page.html::price"])
def test_a_place_that_is_none_is_refused(sandbox: Sandbox, dear: Scenario, place: str) -> None:
    with pytest.raises(RefusedError):
        is_place_right(sandbox, dear, place)


@pytest.mark.parametrize(
    ("folder", "place"),
    [
        (".", "shop/shelf.py:2"),
        (".", "{workspace}/shop/shelf.py:2"),
        (".", ".cartwreck/workspace/shop/shelf.py::price"),
        (".cartwreck/workspace", "shop/shelf.py:2"),
        (".cartwreck/workspace/shop", "shelf.py:2"),
    ],
)
def test_a_place_is_found_from_wherever_somebody_stands(
    sandbox: Sandbox, dear: Scenario, monkeypatch: pytest.MonkeyPatch, folder: str, place: str
) -> None:
    monkeypatch.chdir(sandbox.root / folder)

    answer = CliRunner().invoke(main, ["find", place.format(workspace=sandbox.workspace)])

    assert (answer.exit_code, answer.output) == (0, "Yes, that is it (try 1).\n")


def test_a_scenario_is_switched_from_within_the_workspace(
    sandbox: Sandbox, dear: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sandbox.workspace / "shop")

    answer = CliRunner().invoke(main, ["enable", "scarce"])

    assert (answer.exit_code, answer.output) == (0, "On: dear, scarce\n")
    assert (sandbox.workspace / "shop" / "shelf.py").read_text("utf-8") == SHELF.replace(
        "return 10", "return 11"
    ).replace("return 3", "return 2")


@pytest.mark.parametrize(
    "words", [[], [""], ["--nothing-wrong", ""], ["a", "--nothing-wrong", "b"]]
)
def test_an_answer_has_a_place_or_evidence(
    sandbox: Sandbox, dear: Scenario, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    answer = run(sandbox, monkeypatch, "find", *words)

    assert (answer.exit_code, "Say a place" in answer.output) == (1, True)
    assert read_progress(sandbox) == {}


def test_what_is_saved_during_a_check_has_no_part_in_it(
    sandbox: Sandbox, dear: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf, judged = sandbox.workspace / "shop" / "shelf.py", []
    passed = judging.Run((judging.Test("check.py::test_it", "fault absent", "", "", ""),))
    monkeypatch.setattr(learning, "run_check", lambda *_: passed)
    monkeypatch.setattr(
        learning,
        "judge_whole_store",
        lambda _, store: judged.append((store / "shop" / "shelf.py").read_text("utf-8")),
    )
    write(shelf, SHELF)

    verdict = judge_fix(sandbox, dear, None, lambda _: write(shelf, "half a fi"))

    assert (verdict.kind, judged) == ("solved", [SHELF])


def test_tries_are_counted_and_the_first_success_stays(
    sandbox: Sandbox, dear: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = run(sandbox, monkeypatch, "find", "shop/shelf.py::stock")
    right = run(sandbox, monkeypatch, "find", "shop/shelf.py:2")

    assert (wrong.exit_code, right.exit_code) == (1, 0)
    assert "try 2" in right.output
    own = read_progress(sandbox)["dear"]
    assert (own.tries, list(own.steps)) == ({"found": 2}, ["found"])
    events = (sandbox.state / "events.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["right"] for line in events] == [False, True]


def test_nothing_wrong_is_not_the_answer_where_something_is(
    sandbox: Sandbox, dear: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = run(sandbox, monkeypatch, "find", "--nothing-wrong", "the log is quiet")

    assert (answer.exit_code, "something is wrong" in answer.output) == (1, True)


def test_hints_come_one_at_a_time_and_are_counted(
    sandbox: Sandbox, dear: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = [run(sandbox, monkeypatch, "hint").output for _ in range(4)]

    assert [re.findall(r"Hint (\d) of 3", text) for text in shown] == [["1"], ["2"], ["3"], ["3"]]
    assert read_progress(sandbox)["dear"].hints == 3


def test_hints_are_shown_again_once_there_are_some(
    sandbox: Sandbox, dear: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = run(sandbox, monkeypatch, "hint", "--again")
    for _ in range(2):
        run(sandbox, monkeypatch, "hint")

    after = run(sandbox, monkeypatch, "hint", "--again")

    assert (before.exit_code, "no hint so far" in before.output) == (1, True)
    assert re.findall(r"Hint (\d) of 3", after.output) == ["1", "2"]
    assert read_progress(sandbox)["dear"].hints == 2


@pytest.mark.parametrize(
    ("statement", "status", "output"),
    [
        ("SELECT name FROM lamp WHERE name LIKE '%:[/b]%'", 0, "name\n10:[/b] %s\n1 rows\n"),
        ("UPDATE lamp SET name = 'x'", 0, "1 rows changed\n"),
        ("CREATE INDEX mine ON lamp (name)", 0, "0 rows changed\n"),
        ("", 0, "0 rows changed\n"),
        ("SELECT * FROM pen", 1, "cartwreck: The database says: no such table: pen\n"),
    ],
)
def test_a_statement_is_run_as_it_was_typed(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, statement: str, status: int, output: str
) -> None:
    write(sandbox.state / "store.env", f"SHOP_DATABASE_URL=sqlite:///{sandbox.database}\n")
    with closing(sqlite3.connect(sandbox.database)) as database, database:
        database.execute("CREATE TABLE lamp AS SELECT '10:[/b] %s' AS name")

    answer = run(sandbox, monkeypatch, "sql", statement)

    assert (answer.exit_code, answer.output) == (status, output)


def test_a_table_shows_brackets_as_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    table(("[b]name",), [("[/red] lamp",)])

    shown = capsys.readouterr().out
    assert ("[b]name" in shown, "[/red] lamp" in shown) == (True, True)


def test_the_debrief_opens_after_a_report(
    sandbox: Sandbox, dear: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = run(sandbox, monkeypatch, "debrief")
    form = "".join(
        f"## {part}\nThree words each.\n"
        for part in ("Impact", "Cause", "What was done", "Prevention")
    )

    reported = run(sandbox, monkeypatch, "report", typed=form)

    assert (before.exit_code, "cartwreck report" in before.output) == (1, True)
    assert reported.exit_code == 0
    assert "It was the price." in run(sandbox, monkeypatch, "debrief").output


def test_a_report_without_a_part_is_kept_and_told(
    sandbox: Sandbox, dear: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = run(sandbox, monkeypatch, "report", typed="## Impact\nNobody could buy lamps.\n")

    assert (told.exit_code, "It lacks: Cause" in told.output) == (1, True)
    assert "lamps" in (sandbox.state / "reports" / "dear.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("on", "slug", "sentence"),
    [
        ([], None, "No scenario is on"),
        (["dear", "scarce"], None, "Several scenarios are on: say --scenario dear or scarce."),
        (["dear"], "scarce", "scarce is not on"),
        (["dear"], "none", "There is no scenario 'none'"),
    ],
)
def test_a_command_says_which_scenario_it_lacks(
    sandbox: Sandbox, on: list[str], slug: str | None, sentence: str
) -> None:
    deploy(sandbox, on)

    with pytest.raises(RefusedError, match=sentence):
        current_scenario(sandbox, slug)


def test_start_deploys_and_shows_the_ticket(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = run(sandbox, monkeypatch, "start", "dear")

    assert (started.exit_code, "It costs too much." in started.output) == (0, True)
    assert "return 11" in (sandbox.workspace / "shop" / "shelf.py").read_text("utf-8")
    assert read_progress(sandbox)["dear"].state == "started"


def test_flags_are_switched_beside_each_other_and_all_off(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in (["enable", "dear"], ["enable", "scarce"], ["disable", "dear"]):
        run(sandbox, monkeypatch, *words)
    some = run(sandbox, monkeypatch, "flags").output
    run(sandbox, monkeypatch, "disable", "--all")

    assert some == "On: scarce\n"
    assert run(sandbox, monkeypatch, "flags").output.startswith("On: nothing")


def test_edits_of_the_checkout_itself_are_noticed_and_explained(
    sandbox: Sandbox, dear: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(sandbox.root, "init", "--quiet")
    git(sandbox.root, "add", "shop", "seed_data")
    named = ("-c", "user.name=x", "-c", "user.email=x@x.example")
    git(sandbox.root, *named, "commit", "--quiet", "--message", "Store")
    write(sandbox.root / "shop" / "shelf.py", "mine = 1\n")

    told = run(sandbox, monkeypatch, "status").output

    assert "You have changed shop/shelf.py in the checkout itself, which does not run" in told


def test_the_list_shows_every_scenario_with_its_state(
    sandbox: Sandbox, dear: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(sandbox, monkeypatch, "hint", "--scenario", "dear")
    run(sandbox, monkeypatch, "start", "dear", "--no-open")

    listed = run(sandbox, monkeypatch, "list").output.splitlines()

    rows = [line.split("\t") for line in listed[1:4]]
    assert [(row[3], row[5]) for row in rows] == [
        ("dear", "on started"), ("dearer", ""), ("scarce", ""),
    ]  # fmt: skip


def test_a_fix_like_a_known_wrong_one_is_explained(sandbox: Sandbox, dear: Scenario) -> None:
    write(dear.folder / "wrong" / "round.md", "Rounding hides it.\n")
    write(dear.folder / "wrong" / "round.patch", "+    return round_down(price)\n")
    write(dear.folder / "wrong" / "cheat.md", "It is no longer a price.\n")
    write(dear.folder / "wrong" / "cheat.patch", "+    return nothing_at_all(shelf)\n")

    told = [
        explain(dear, diff)
        for diff in ("+    return round_down(price)  # mine\n", "+    something_else = 1\n", "")
    ]

    assert told == ["Rounding hides it.", "", ""]
