import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scenarios.engine.flags import read_flags
from scenarios.engine.git import run_git
from scenarios.engine.refusal import RefusedError
from scenarios.engine.reset import restore_workspace
from scenarios.engine.sandbox import Sandbox
from scenarios.engine.switching import deploy, enabled, ensure_workspace
from scenarios.engine.workspace import Workspace
from tests.scenarios.small_checkout import SHELF, add_scenario, git, make_checkout, write


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return make_checkout(tmp_path / "a checkout ☕")


@pytest.fixture
def workspace(sandbox: Sandbox) -> Path:
    deploy(sandbox, [])
    return sandbox.workspace


def shelf(sandbox: Sandbox) -> str:
    return (sandbox.workspace / "shop" / "shelf.py").read_text("utf-8")


def all_objects(workspace: Path) -> str:
    """Return the content of every object of the workspace's repository, and of its logs."""
    objects = ("cat-file", "--batch-all-objects", "--batch", "--unordered")
    logs = "".join(p.read_text("utf-8") for p in (workspace / ".git" / "logs").rglob("HEAD"))
    return git(workspace, *objects) + logs


def test_the_workspace_is_the_store_as_deployed_with_one_commit(workspace: Path) -> None:
    assert (workspace / "shop" / "shelf.py").read_text("utf-8") == SHELF
    assert (workspace / "tests" / "smoke" / "test_shop.py").is_file()
    assert git(workspace, "log", "--format=%an: %s") == "Brindle & Bolt: Release\n"
    assert git(workspace, "status", "--porcelain") == ""


def test_a_bad_commit_is_merged_and_nothing_tells_what_was_there(sandbox: Sandbox) -> None:
    deploy(sandbox, [])

    deploy(sandbox, ["dear"])

    assert shelf(sandbox) == SHELF.replace("return 10", "return 11")
    told = all_objects(sandbox.workspace)
    assert [word in told for word in ("return 11", "return 10", "dear")] == [True, False, False]


def test_several_bad_commits_go_together(sandbox: Sandbox) -> None:
    deploy(sandbox, ["dear", "scarce"])

    assert [line for line in shelf(sandbox).split() if line.isdigit()] == ["11", "2"]
    assert read_flags(sandbox) == ["dear", "scarce"]


def test_switching_off_brings_the_clean_store_back(sandbox: Sandbox) -> None:
    deploy(sandbox, ["dear"])

    deploy(sandbox, [])

    assert (shelf(sandbox), read_flags(sandbox)) == (SHELF, [])


@pytest.mark.parametrize(
    ("slugs", "sentence"),
    [
        (["dear", "dearer"], "dearer cannot go together with dear: both change the same lines."),
        (["scarce", "deer"], "There is no scenario 'deer': did you mean dear"),
    ],
)
def test_what_cannot_be_on_is_refused_and_nothing_half_applied(
    sandbox: Sandbox, slugs: list[str], sentence: str
) -> None:
    deploy(sandbox, ["scarce"])
    before = shelf(sandbox), all_objects(sandbox.workspace)

    with pytest.raises(RefusedError, match=re.escape(sentence)):
        deploy(sandbox, slugs)

    assert (shelf(sandbox), all_objects(sandbox.workspace)) == before
    assert read_flags(sandbox) == ["scarce"]


@pytest.mark.parametrize("kind", ["edit", "new file", "commit"])
def test_a_switch_that_would_throw_work_away_is_refused(
    sandbox: Sandbox, workspace: Path, kind: str
) -> None:
    name = "tests/test_mine.py" if kind == "new file" else "shop/shelf.py"
    write(workspace / name, "mine = 1\n")
    if kind == "commit":
        git(workspace, "commit", "--quiet", "--all", "--message", "Mine")

    with pytest.raises(RefusedError, match=r"would throw away.*`cartwreck reset`"):
        deploy(sandbox, ["dear"])

    assert (workspace / name).read_text("utf-8") == "mine = 1\n"


def test_a_switch_to_what_is_on_leaves_work_alone(sandbox: Sandbox) -> None:
    deploy(sandbox, ["dear"])
    write(sandbox.workspace / "shop" / "shelf.py", "mine = 1\n")

    deploy(sandbox, ["dear"])

    assert shelf(sandbox) == "mine = 1\n"


def test_a_reset_saves_edits_commits_and_new_files_as_one_diff(
    sandbox: Sandbox, workspace: Path
) -> None:
    write(workspace / "shop" / "shelf.py", SHELF.replace("10", "9"))
    git(workspace, "commit", "--quiet", "--all", "--message", "Mine")
    write(workspace / "shop" / "web" / "page.html", "<h1>Größe</h1>\n")
    write(workspace / "tests" / "test_mine.py", "mine = 1\n")

    saved = restore_workspace(sandbox)

    assert saved
    assert Workspace(sandbox).changes == []
    assert (shelf(sandbox), (workspace / "tests" / "test_mine.py").exists()) == (SHELF, False)
    git(workspace, "apply", str(saved))
    assert (workspace / "tests" / "test_mine.py").read_text("utf-8") == "mine = 1\n"
    assert "return 9" in shelf(sandbox)
    assert "Größe" in (workspace / "shop" / "web" / "page.html").read_text("utf-8")


def test_the_settings_of_the_users_git_have_no_part(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hook = tmp_path / "hooks" / "pre-commit"
    write(hook, "#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    settings = (
        "[commit]\n gpgSign = true\n[core]\n autocrlf = true\n hooksPath = {}\n[user]\n name = x\n"
    )
    write(tmp_path / "home" / ".gitconfig", settings.format(hook.parent))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))

    deploy(sandbox, ["dear"])

    monkeypatch.delenv("GIT_DIR")
    assert git(sandbox.workspace, "log", "--format=%an") == "Brindle & Bolt\n"
    assert b"\r" not in (sandbox.workspace / "shop" / "shelf.py").read_bytes()


def test_a_learner_can_commit_without_an_identity(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write(workspace / "shop" / "shelf.py", "mine = 1\n")

    git(workspace, "commit", "--quiet", "--all", "--message", "Mine")

    assert git(workspace, "rev-list", "--count", "HEAD") == "2\n"


def test_a_switch_that_was_cut_off_is_finished_by_the_next(sandbox: Sandbox) -> None:
    deploy(sandbox, ["dear"])
    note = sandbox.state / "workspace.json"
    facts = json.loads(note.read_text("utf-8"))
    note.write_text(json.dumps({**facts, "root": ""}), "utf-8")
    write(sandbox.workspace / "shop" / "shelf.py", "half a fi")
    write(sandbox.workspace / "shop" / "more.py", "of another bad commit")
    (sandbox.workspace / "shop" / "web" / "page.html").unlink()
    (sandbox.state / "workspace.index.lock").touch()

    ensure_workspace(sandbox)

    assert shelf(sandbox) == SHELF.replace("return 10", "return 11")
    assert Workspace(sandbox).changes == []
    assert (sandbox.workspace / "shop" / "web" / "page.html").exists()
    assert not (sandbox.workspace / "shop" / "more.py").exists()


def test_a_switch_writes_no_file_that_it_does_not_change(sandbox: Sandbox, workspace: Path) -> None:
    page = workspace / "shop" / "web" / "page.html"
    page.write_bytes(page.read_bytes())
    before = page.stat()

    deploy(sandbox, ["dear"])

    after = page.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_workspace_of_which_git_no_longer_knows_what_is_there_is_brought_up_to_date(
    sandbox: Sandbox, workspace: Path
) -> None:
    (sandbox.state / "workspace.index").unlink()
    (sandbox.root / "shop" / "web" / "page.html").unlink()

    deploy(sandbox, ["dear"])

    assert shelf(sandbox) == SHELF.replace("return 10", "return 11")
    assert not (workspace / "shop" / "web" / "page.html").exists()


def test_a_workspace_of_which_nothing_is_known_is_moved_aside(
    sandbox: Sandbox, workspace: Path
) -> None:
    write(workspace / "shop" / "shelf.py", "mine = 1\n")
    (sandbox.state / "workspace.json").unlink()

    ensure_workspace(sandbox)

    [aside] = (sandbox.state / "saved").iterdir()
    assert (aside / "shop" / "shelf.py").read_text("utf-8") == "mine = 1\n"
    assert shelf(sandbox) == SHELF


def test_a_changed_store_reaches_a_workspace_that_nobody_has_worked_in(
    sandbox: Sandbox, workspace: Path
) -> None:
    write(sandbox.root / "shop" / "web" / "page.html", "<h1>New</h1>\n")

    ensure_workspace(sandbox)

    assert (workspace / "shop" / "web" / "page.html").read_text("utf-8") == "<h1>New</h1>\n"


def test_a_changed_bad_commit_reaches_it_too(sandbox: Sandbox) -> None:
    deploy(sandbox, ["dear"])
    patch = sandbox.catalogue / "dear" / "bad_commit.patch"
    write(patch, patch.read_text("utf-8").replace("return 11", "return 12"))

    ensure_workspace(sandbox)

    assert "return 12" in shelf(sandbox)


def test_so_does_a_changed_test_of_the_team(sandbox: Sandbox, workspace: Path) -> None:
    write(sandbox.root / "tests" / "smoke" / "test_shop.py", "new = 1\n")

    ensure_workspace(sandbox)

    assert (workspace / "tests" / "smoke" / "test_shop.py").read_text("utf-8") == "new = 1\n"
    assert Workspace(sandbox).changes == []


def test_git_is_not_asked_where_nothing_has_changed(
    sandbox: Sandbox, workspace: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked, git = tmp_path / "asked", tmp_path / "bin" / "git"
    write(git, f"#!/bin/sh\n: > '{asked}'\nexit 1\n")
    git.chmod(0o755)
    monkeypatch.setenv("PATH", str(git.parent))

    ensure_workspace(sandbox)

    assert not asked.exists()


def test_a_changed_store_leaves_a_learner_in_the_middle_alone(
    sandbox: Sandbox, workspace: Path
) -> None:
    write(workspace / "shop" / "shelf.py", "mine = 1\n")
    write(sandbox.root / "shop" / "web" / "page.html", "<h1>New</h1>\n")

    ensure_workspace(sandbox)

    assert shelf(sandbox) == "mine = 1\n"
    assert (workspace / "shop" / "web" / "page.html").read_text("utf-8") == "<h1>Shop</h1>\n"


def test_a_patch_is_carried_over_a_store_that_has_changed_elsewhere(sandbox: Sandbox) -> None:
    git(sandbox.root, "init", "--quiet")
    git(sandbox.root, "add", "shop")
    named = ("-c", "user.name=x", "-c", "user.email=x@x.example")
    git(sandbox.root, *named, "commit", "--quiet", "--message", "Before")
    write(sandbox.root / "shop" / "shelf.py", f"# A new first line.\n{SHELF}# And a last.\n")

    deploy(sandbox, ["dear"])

    assert shelf(sandbox).startswith("# A new first line.\ndef price():\n    return 11\n")


def test_nothing_compiled_outlives_a_switch(sandbox: Sandbox, workspace: Path) -> None:
    write(workspace / "shop" / "__pycache__" / "shelf.cpython-311.pyc", "old")

    deploy(sandbox, ["dear"])

    assert not (workspace / "shop" / "__pycache__").exists()


def test_a_file_that_a_new_store_no_longer_has_is_gone(sandbox: Sandbox, workspace: Path) -> None:
    (sandbox.root / "shop" / "web" / "page.html").unlink()

    deploy(sandbox, [])

    assert not (workspace / "shop" / "web" / "page.html").exists()


def test_a_flag_of_a_scenario_that_is_gone_is_ignored(sandbox: Sandbox) -> None:
    add_scenario(sandbox.root, "gone", "return 3", "return 1")
    deploy(sandbox, ["gone", "dear"])
    (sandbox.catalogue / "gone").rename(sandbox.root / "gone")

    ensure_workspace(sandbox)

    assert [each.slug for each in enabled(sandbox)] == ["dear"]
    assert "return 3" in shelf(sandbox)


def test_without_git_one_sentence_says_what_to_do(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(RefusedError, match=r"git is not there.*install git"):
        deploy(sandbox, [])


def test_two_switches_at_once_leave_one_of_the_two(sandbox: Sandbox) -> None:
    code = (
        "import sys; from pathlib import Path; from scenarios.engine.reset import run_switch;"
        "from scenarios.engine.sandbox import Sandbox;"
        "run_switch(Sandbox(Path(sys.argv[1])), (sys.argv[2],), print)"
    )
    deploy(sandbox, [])
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, sandbox.root, slug], cwd=Path(__file__).parents[2]
        )
        for slug in ("dear", "scarce")
    ]

    ends = [each.wait() for each in both]

    assert ends == [0, 0]
    [slug] = read_flags(sandbox)
    assert shelf(sandbox) == SHELF.replace(*{"dear": ("10", "11"), "scarce": ("3", "2")}[slug])
    assert Workspace(sandbox).changes == []


@pytest.mark.parametrize(
    "said", ["fatal: Release: No space left on device", "error: unable to write file shop/cart.py"]
)
def test_a_full_disk_is_told_where_git_meets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    git = tmp_path / "git"
    git.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 128\n", encoding="utf-8")
    git.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(OSError, match="No space left on device"):
        run_git("commit")
