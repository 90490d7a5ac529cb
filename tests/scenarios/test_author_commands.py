"""What an author types, in a checkout with a shop of three files."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scenarios.author import verify
from scenarios.author.trials import Trials
from scenarios.author.verify import list_pairs_apart, list_trials
from scenarios.engine.catalogue import load_catalogue
from scenarios.engine.cli import main
from scenarios.engine.sandbox import Sandbox
from scenarios.engine.switching import deploy
from scenarios.engine.workspace import Workspace
from tests.scenarios.small_checkout import (
    SHELF,
    add_scenario,
    git,
    make_checkout,
    make_patch,
    write,
)


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    sandbox = make_checkout(tmp_path / "checkout")
    monkeypatch.chdir(sandbox.root)
    return sandbox


def author(*words: str) -> Result:
    return CliRunner().invoke(main, ["author", *words])


def edit(sandbox: Sandbox, old: str, new: str) -> None:
    shelf = sandbox.workspace / "shop" / "shelf.py"
    text = shelf.read_text("utf-8")
    assert old in text
    shelf.write_text(text.replace(old, new), "utf-8")


def read(sandbox: Sandbox, path: str) -> str:
    return (sandbox.catalogue / path).read_text("utf-8")


def test_a_new_scenario_has_all_files_but_the_bad_commit(sandbox: Sandbox) -> None:
    done = author("new", "short-stock")

    catalogue = load_catalogue(sandbox.catalogue)
    trials = list_trials(sandbox, catalogue["short-stock"], {"sqlite": None}, True, False)
    assert done.exit_code == 0, done.output
    assert [(name, run()) for _, (name, run) in trials] == [
        ("its files", "bad_commit.patch is missing.")
    ]


@pytest.mark.parametrize("slug", ["Short", "short stock", "../evil", "a/b", "..", "", "-x", "ü"])
def test_a_slug_that_is_no_plain_name_is_refused(sandbox: Sandbox, slug: str) -> None:
    before = sorted(sandbox.root.rglob("*"))

    done = author("new", "--", slug)

    assert (done.exit_code, "is no name" in done.output) == (1, True)
    assert sorted(sandbox.root.rglob("*")) == before


def test_a_slug_that_is_taken_is_refused(sandbox: Sandbox) -> None:
    done = author("new", "dear")

    assert (done.exit_code, "is there already" in done.output) == (1, True)


def test_a_new_scenario_does_not_throw_work_away(sandbox: Sandbox) -> None:
    deploy(sandbox, ["dear"])
    edit(sandbox, "return 3", "return 4")

    done = author("new", "short-stock")

    assert (done.exit_code, "cartwreck reset" in done.output) == (1, True)
    assert not (sandbox.catalogue / "short-stock").exists()


def test_a_scenario_without_a_bad_commit_cannot_be_started(sandbox: Sandbox) -> None:
    author("new", "short-stock")

    done = CliRunner().invoke(main, ["start", "short-stock", "--no-open"])

    assert (done.exit_code, "cartwreck author record" in done.output) == (1, True)


def test_a_scenario_without_a_bad_commit_is_apart_from_no_other(sandbox: Sandbox) -> None:
    author("new", "short-stock")

    pairs = list_pairs_apart(sandbox, load_catalogue(sandbox.catalogue))

    assert pairs == ["dear dearer"]


def test_what_is_recorded_is_a_commit_that_git_takes(sandbox: Sandbox, tmp_path: Path) -> None:
    author("new", "short-stock")
    edit(sandbox, "return 3", "return 2")
    write(sandbox.workspace / "shop" / "more.py", "MORE = 1\n")
    git(sandbox.workspace, "commit", "--quiet", "--all", "--message", "Mine")
    store = tmp_path / "store"
    write(store / "shop" / "shelf.py", SHELF)
    for words in (["init", "--quiet"], ["add", "."]):
        git(store, *words)
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@brindle.example")
    git(store, *who, "commit", "--quiet", "--message", "Begin")

    done = author("record", "short-stock", "-m", "Keep one back\n\nIt is in the window.")

    assert done.exit_code == 0, done.output
    git(store, *who, "am", "--quiet", str(sandbox.catalogue / "short-stock" / "bad_commit.patch"))
    assert git(store, "log", "-1", "--format=%an|%B").strip() == (
        "A. Colleague|Keep one back\n\nIt is in the window."
    )
    assert git(store, "show", "--format=", "--name-only").split() == [
        "shop/more.py",
        "shop/shelf.py",
    ]


def test_a_recorded_bad_commit_can_be_started_at_once(sandbox: Sandbox) -> None:
    author("new", "short-stock")
    edit(sandbox, "return 3", "return 2")

    author("record", "short-stock")

    assert Workspace(sandbox).changes == []
    assert CliRunner().invoke(main, ["start", "short-stock", "--no-open"]).exit_code == 0
    assert "return 2" in (sandbox.workspace / "shop" / "shelf.py").read_text("utf-8")


def test_what_is_no_part_of_the_store_is_named_and_saved(sandbox: Sandbox) -> None:
    author("new", "short-stock")
    edit(sandbox, "return 3", "return 2")
    write(sandbox.workspace / "tests" / "test_mine.py", "MINE = 1\n")

    done = author("record", "short-stock")

    saved = [path.read_text("utf-8") for path in (sandbox.state / "saved").iterdir()]
    assert "Not in the patch, which is of shop and seed_data: tests/test_mine.py." in done.output
    assert "MINE" not in read(sandbox, "short-stock/bad_commit.patch")
    assert ["MINE = 1" in text for text in saved] == [True]


def test_fixes_are_recorded_on_top_of_the_bad_commit(sandbox: Sandbox) -> None:
    deploy(sandbox, ["scarce"])
    edit(sandbox, "return 2", "return 1 + 2")
    right = author("record", "scarce", "--right", "--name", "sum")
    edit(sandbox, "return 2", "return 2 + 0")
    wrong = author("record", "scarce", "--wrong", "--name", "less")

    assert (right.exit_code, wrong.exit_code) == (0, 0), wrong.output
    assert "-    return 2\n+    return 1 + 2\n" in read(sandbox, "scarce/right/sum.patch")
    assert "-    return 2\n+    return 2 + 0\n" in read(sandbox, "scarce/wrong/less.patch")
    assert "wrong/less.md" in wrong.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["scarse"], "did you mean scarce"),
        (["scarce"], "with nothing on"),
        (["dear", "--right", "--name", "sum"], "cartwreck start dear"),
        (["scarce", "--right"], "with a --name"),
        (["scarce", "--name", "sum"], "with a --name"),
        (["scarce", "--wrong", "--name", "../sum"], "is no name"),
    ],
)
def test_what_cannot_be_recorded_leaves_all_as_it_is(
    sandbox: Sandbox, words: list[str], said: str
) -> None:
    deploy(sandbox, ["scarce"])
    edit(sandbox, "return 2", "return 1 + 2")
    before = read(sandbox, "scarce/bad_commit.patch")

    done = author("record", *words)

    assert (done.exit_code, said in done.output) == (1, True), done.output
    assert read(sandbox, "scarce/bad_commit.patch") == before
    assert Workspace(sandbox).changes == ["shop/shelf.py"]


def test_nothing_is_recorded_where_nothing_is_changed(sandbox: Sandbox) -> None:
    deploy(sandbox, ["scarce"])

    done = author("record", "scarce", "--right", "--name", "sum")

    assert (done.exit_code, "Nothing is changed" in done.output) == (1, True)


def test_a_file_that_is_no_utf_8_is_saved_and_not_recorded(sandbox: Sandbox) -> None:
    author("new", "short-stock")
    odd = sandbox.workspace / "shop" / "odd.txt"
    odd.write_bytes(b"caf\xe9\n")

    recorded = author("record", "short-stock")
    reset = Workspace(sandbox).save_changes("odd")

    assert (recorded.exit_code, "is no UTF-8" in recorded.output) == (1, True)
    assert reset is not None
    assert b"+caf\xe9\n" in reset.read_bytes()


def record_fix(sandbox: Sandbox) -> None:
    """Give `scarce` a right fix."""
    deploy(sandbox, ["scarce"])
    edit(sandbox, "return 2", "return 1 + 2")
    author("record", "scarce", "--right", "--name", "sum")


def test_patches_that_fit_are_left_as_they_are(sandbox: Sandbox) -> None:
    record_fix(sandbox)
    before = read(sandbox, "scarce/bad_commit.patch"), read(sandbox, "scarce/right/sum.patch")

    done = author("rebase", "scarce")

    assert (done.exit_code, done.output) == (0, "scarce: 0 of 2 patches are written anew.\n")
    assert before == (
        read(sandbox, "scarce/bad_commit.patch"),
        read(sandbox, "scarce/right/sum.patch"),
    )


def test_patches_are_carried_over_a_store_that_has_changed(sandbox: Sandbox) -> None:
    record_fix(sandbox)
    patch = sandbox.catalogue / "scarce" / "bad_commit.patch"
    patch.write_text(f"Subject: [PATCH] Keep one back\n\n{patch.read_text('utf-8')}", "utf-8")
    shelf = sandbox.root / "shop" / "shelf.py"
    shelf.write_text(f'"""The shelf."""\n\n\n{SHELF}', "utf-8")

    done = author("rebase", "scarce")

    assert (done.exit_code, done.output) == (0, "scarce: 2 of 2 patches are written anew.\n")
    text = read(sandbox, "scarce/bad_commit.patch")
    assert text.startswith("Subject: [PATCH] Keep one back\n\ndiff --git ")
    apply = ("apply", "--check", str(sandbox.catalogue / "scarce" / "bad_commit.patch"))
    write(sandbox.root / "scratch" / "shop" / "shelf.py", shelf.read_text("utf-8"))
    assert git(sandbox.root / "scratch", *apply) == ""


def test_a_scenario_that_cannot_be_carried_does_not_stop_the_others(sandbox: Sandbox) -> None:
    shelf = sandbox.root / "shop" / "shelf.py"
    shelf.write_text(f'"""The shelf."""\n\n\n{SHELF.replace("return 10", "return 9")}', "utf-8")
    before = read(sandbox, "dear/bad_commit.patch")

    done = author("rebase")

    assert done.exit_code == 1
    assert done.output.count("bad_commit.patch has to be recorded anew") == 2
    assert "scarce: 1 of 1 patches are written anew." in done.output
    assert read(sandbox, "dear/bad_commit.patch") == before


def test_a_patch_that_is_not_there_cannot_be_carried(sandbox: Sandbox) -> None:
    author("new", "short-stock")

    done = author("rebase", "short-stock")

    assert (done.exit_code, "bad_commit.patch is not there yet" in done.output) == (1, True)


def test_a_fix_that_cannot_be_carried_is_named(sandbox: Sandbox) -> None:
    write(
        sandbox.catalogue / "scarce" / "right" / "sum.patch",
        make_patch(sandbox.root, "shop/shelf.py", "return 3", "return 1 + 2"),
    )

    done = author("rebase", "scarce")

    assert (done.exit_code, "right/sum.patch has to be" in done.output) == (1, True)


def test_a_patch_that_the_store_has_taken_over_is_named(sandbox: Sandbox) -> None:
    deploy(sandbox, ["scarce"])
    write(sandbox.root / "shop" / "shelf.py", SHELF.replace("return 3", "return 2"))

    done = author("rebase", "scarce")

    assert (done.exit_code, "changes nothing any more" in done.output) == (1, True)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("latency_seconds = 1.5", None),
        ("decline_next = 2", "The outside world has no condition payments.decline_next."),
        ("latency_seconds = 90", "payments.latency_seconds is 0 to 60 seconds, not 90."),
    ],
)
def test_conditions_are_those_that_the_outside_world_knows(
    sandbox: Sandbox, line: str, problem: str | None
) -> None:
    more = f"[conditions.payments]\n{line}\n"
    add_scenario(sandbox.root, "slow", "return 3", "return 2", more=more)
    scenario = load_catalogue(sandbox.catalogue)["slow"]

    assert Trials(sandbox, scenario, {}).look_at_conditions() == problem


@pytest.mark.parametrize(
    ("words", "is_whole"),
    [
        ((), False),
        (("--whole",), True),
        (("dear",), True),
        (("dear", "--no-whole"), False),
        (("dear", "--draft"), False),
    ],
)
def test_the_stores_suite_runs_on_the_right_fixes_of_what_is_named(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], is_whole: bool
) -> None:
    asked = list[bool]()

    def note(*arguments: bool) -> list[object]:
        asked.append(arguments[-1])
        return []

    monkeypatch.setattr(verify, "list_trials", note)

    author("verify", *words)

    assert set(asked) == {is_whole}
