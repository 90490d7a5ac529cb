"""The workspace: the copy of the store that runs."""

import shutil

from scenarios.engine.sandbox import Sandbox


def ensure_workspace(sandbox: Sandbox) -> None:
    """Copy the store's code into the workspace where it is not there."""
    for name in ("shop", "seed_data"):
        if not (target := sandbox.workspace / name).exists():
            shutil.copytree(
                sandbox.root / name, target, ignore=shutil.ignore_patterns("__pycache__")
            )
