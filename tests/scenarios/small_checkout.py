"""A checkout with a shop of three files and scenarios of one line each, for what needs no store."""

import shutil
import subprocess
from pathlib import Path

from scenarios.engine.sandbox import Sandbox

SHELF = """def price():
    return 10


def stock():
    return 3
"""
TOML = """title = "Something is off"
track = "T6"
kind = "bug"
level = 1
minutes = 5
covers = []
objectives = ["See it"]
spoilers = ["eleven"]
"""


def make_checkout(root: Path) -> Sandbox:
    """Write the files and the scenarios; `dear` and `dearer` change one line, `scarce` another."""
    files = {
        "pyproject.toml": '[project]\nname = "cartwreck"\n',
        "shop/__init__.py": "",
        "shop/shelf.py": SHELF,
        "shop/web/page.html": "<h1>Shop</h1>\n",
        "seed_data/things.txt": "lamp\n",
        "tests/__init__.py": "",
        "tests/smoke/test_shop.py": "def test_it() -> None:\n    assert True\n",
    }
    for path, text in files.items():
        write(root / path, text)
    add_scenario(root, "dear", "return 10", "return 11")
    add_scenario(root, "dearer", "return 10", "return 12")
    add_scenario(root, "scarce", "return 3", "return 2")
    sandbox = Sandbox(root)
    sandbox.make_folders()
    return sandbox


def add_scenario(
    root: Path, slug: str, old: str, new: str, file: str = "shop/shelf.py", more: str = ""
) -> None:
    """Write the folder of a scenario that changes one line of a file.

    :param more: further lines of `scenario.toml`.
    """
    folder = root / "scenarios" / "catalogue" / slug
    write(folder / "scenario.toml", TOML + more)
    write(folder / "ticket.md", "It costs too much.\n")
    write(folder / "hints.md", "## Hint 1\n\nOne.\n\n## Hint 2\n\nTwo.\n\n## Hint 3\n\nThree.\n")
    write(folder / "debrief.md", "It was the price.\n")
    write(folder / "bad_commit.patch", make_patch(root, file, old, new))


def make_patch(root: Path, file: str, old: str, new: str) -> str:
    """Return the patch that changes a text of a file into another."""
    scratch, text = root / "scratch", (root / file).read_text("utf-8")
    assert old in text
    shutil.rmtree(scratch, ignore_errors=True)
    write(scratch / file, text)
    git(scratch, "init", "--quiet")
    git(scratch, "add", ".")
    write(scratch / file, text.replace(old, new))
    patch = git(scratch, "diff", "--full-index")
    shutil.rmtree(scratch)
    return patch


def git(folder: Path, *arguments: str) -> str:
    """Run git as a learner does, and return what it prints."""
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, check=True, capture_output=True)
    return done.stdout.decode("utf-8", "replace")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
