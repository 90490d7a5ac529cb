"""A checkout with the real store, its tests and the real scenarios, for what judges them."""

import shutil
from pathlib import Path

from scenarios.engine.sandbox import Sandbox

ROOT = Path(__file__).parents[2]


def copy_checkout(root: Path, slug: str) -> Sandbox:
    """Copy the store and one scenario; the rest is the repository's own."""
    # git, which reads the suite of the store's team too, follows no link.
    for name in ("shop", "seed_data", "tests"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("docs", "pyproject.toml"):
        (root / name).symlink_to(ROOT / name)
    (root / "scenarios").mkdir()
    for each in (ROOT / "scenarios").iterdir():
        if each.name != "catalogue":
            (root / "scenarios" / each.name).symlink_to(each)
    folder = Path("scenarios", "catalogue", slug)
    shutil.copytree(ROOT / folder, root / folder)
    sandbox = Sandbox(root)
    sandbox.make_folders()
    return sandbox
