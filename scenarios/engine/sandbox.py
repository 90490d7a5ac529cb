"""Where a sandbox keeps its things: the folder `.cartwreck` of a Cartwreck checkout."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from scenarios.engine.refusal import RefusedError

T = TypeVar("T")


class Sandbox:
    """The paths of one checkout and of its state."""

    def __init__(self, root: Path) -> None:
        """Name them; nothing is made."""
        self.root = root
        # Everything that is made while running.
        self.state = root / ".cartwreck"
        # The git repository that runs, and that the learner edits.
        self.workspace = self.state / "workspace"
        # The traceback of a store that does not start, if that is so.
        self.not_started = self.state / "not-started.txt"
        # What the workspace was made of, and the migrations that the database has seen.
        self.made_of = self.state / "workspace.json"
        self.stamps = self.state / "stamps.json"
        # What a running `up` tells of itself, which scenarios are on, and what was done with them.
        self.note = self.state / "running.json"
        self.flags = self.state / "flags.json"
        self.events = self.state / "events.jsonl"
        self.database = self.state / "store.sqlite3"
        # The ledgers of the outside world.
        self.world = self.state / "world"
        # One log per process.
        self.logs = self.state / "logs"
        # Seeded databases to start over from.
        self.snapshots = self.state / "snapshots"
        self.catalogue = root / "scenarios" / "catalogue"

    def make_folders(self) -> None:
        """Create what is missing, for this user only, since the secrets are in there."""
        self.state.mkdir(mode=0o700, exist_ok=True)
        for folder in (self.world, self.logs, self.snapshots):
            folder.mkdir(exist_ok=True)


def find_sandbox(start: Path) -> Sandbox:
    """Return the sandbox of the checkout around `start`, searching upward as git does.

    :raises RefusedError: when `start` is not inside a checkout of Cartwreck.
    """
    root = next(filter(_is_checkout, (start, *start.parents)), None)
    if root is None:
        raise RefusedError(
            f"{start} is not inside a checkout of Cartwreck: change to the folder that you cloned."
        )
    if "?" in str(root):
        raise RefusedError(f"The folder {root} has a question mark in its path: rename it.")
    return Sandbox(root)


def write_whole(path: Path, text: str) -> None:
    """Write a private file so that a reader sees the old text or the new one, never a part."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_facts(path: Path, facts: Mapping[str, Any]) -> None:
    """Write a private JSON file as `write_whole` does."""
    write_whole(path, json.dumps(facts, indent=2) + "\n")


def read_facts(path: Path, kind: Callable[..., T]) -> T | None:
    """Return what a JSON file says, as what `kind` makes of its facts by their names.

    Nothing when it is not there or cannot be understood: it may be an older Cartwreck's.
    """
    try:
        return kind(**json.loads(path.read_text("utf-8")))
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def _is_checkout(folder: Path) -> bool:
    try:
        return 'name = "cartwreck"' in (folder / "pyproject.toml").read_text("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return False
