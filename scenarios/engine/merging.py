"""Bad commits merged into the clean store, in a private repository beside the workspace.

A three-way merge needs the content that a patch was made from. It is looked for in the clean store
as it is, whose files this repository holds, and in the history of the checkout, if it has one.
Trees are named as git names them, and hold the suite of the store's team too; nothing of this
repository ever reaches the workspace but files.
"""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from scenarios.engine.git import GitFailedError, run_git
from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import Sandbox

# What a bad commit may touch; the workspace's other files are the same for all.
MERGED = ("shop", "seed_data")
_TEAM_TESTS = ("__init__.py", "conftest.py", "databases.py", "factories.py", "smoke")
TEAM_TESTS = tuple(f"tests/{name}" for name in _TEAM_TESTS)
_HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.MULTILINE)
Patches = Sequence[tuple[str, Path]]


class Merger:
    """The private repository of one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Make the repository, if it is not there."""
        self._root, self._folder = sandbox.root, sandbox.state / "merging.git"
        if not (self._folder / "HEAD").exists():
            shutil.rmtree(self._folder, ignore_errors=True)
            run_git("init", "--quiet", "--bare", "--template=", self._folder)
        self._places = {"GIT_DIR": str(self._folder)}
        if (history := sandbox.root / ".git" / "objects").is_dir():
            # In quotes, since a colon would begin another path.
            self._places["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = f'"{history}"'

    def clean_tree(self) -> str:
        """Return the tree of the clean store as it lies in the checkout."""
        names = [name for name in (*MERGED, *TEAM_TESTS) if (self._root / name).exists()]
        with self._index() as git:
            git("add", "--all", "--", *names)
            return git("write-tree").strip()

    def merge(self, patches: Patches, clean: str = "") -> str:
        """Return the tree of the clean store with the patches, merged in the given order.

        :param clean: the clean store's tree, where it is known.
        :raises RefusedError: naming the scenario that cannot be merged with those before it.
        """
        before = list[str]()
        with self._index() as git:
            git("read-tree", clean or self.clean_tree())
            for slug, patch in patches:
                if not patch.is_file():
                    raise RefusedError(f"{patch} is not there yet: `cartwreck author record`.")
                try:
                    git("apply", "--cached", "--3way", patch)
                except GitFailedError as error:
                    raise RefusedError(_why_not(slug, before), str(error).splitlines()) from error
                before.append(slug)
            return git("write-tree").strip()

    def check_out(self, tree: str, folder: Path) -> list[str]:
        """Bring the files of a folder to those of a tree, and return the paths that change.

        The index beside the folder tells what is there: only what differs is written, and what is
        gone is deleted. One that was cut off is made good by the next.
        """
        index = folder.with_suffix(".index")
        # A git that was killed has left its lock.
        index.with_suffix(".index.lock").unlink(missing_ok=True)
        folder.mkdir(exist_ok=True)
        git = self._git_in(folder, index)
        changed = git("diff-index", "--cached", "--name-only", "--no-renames", tree).splitlines()
        # A file that was written again, with the same content, is left alone.
        git("update-index", "-q", "--refresh")
        git("read-tree", "--reset", "-u", tree)
        git("clean", "--quiet", "--force", "-d", "--", *MERGED, *TEAM_TESTS)
        return changed

    def changed_lines(self, before: str, after: str, path: str) -> set[int]:
        """Return the lines of a file that differ, as they are counted in the tree `after`.

        Where lines are gone, it is the line before the gap and the one behind it.
        """
        options = ("--unified=0", "--no-color", "--no-renames")
        hunks = _HUNK.findall(self._git("diff", *options, before, after, "--", path))
        spans = [(int(first), int(count or 1) or 2) for first, count in hunks]
        return {line for first, count in spans for line in range(first, first + count)}

    def diff(self, before: str, after: str) -> str:
        """Return what differs between two trees, as a patch with full names."""
        return self._git("diff", "--full-index", "--binary", before, after)

    def read(self, tree: str, path: str) -> str | None:
        """Return the text of a file in a tree, or nothing when there is no such file."""
        try:
            return self._git("show", f"{tree}:{path}")
        except GitFailedError:
            return None

    def _git(self, *arguments: str) -> str:
        return run_git(*arguments, environment=self._places)

    def _git_in(self, folder: Path, index: Path) -> Callable[..., str]:
        own = {**self._places, "GIT_WORK_TREE": str(folder), "GIT_INDEX_FILE": str(index)}
        # In a folder below, such as the workspace, git would mean the files of that folder.
        return partial(run_git, "-C", folder, environment=own)

    @contextmanager
    def _index(self) -> Iterator[Callable[..., str]]:
        """Yield git with an index of its own, so that several can be at work at once."""
        with TemporaryDirectory(dir=self._folder) as folder:
            yield self._git_in(self._root, Path(folder, "index"))


def _why_not(slug: str, before: list[str]) -> str:
    if before:
        return (
            f"{slug} cannot go together with {' and '.join(before)}: "
            "both change the same lines. Disable one of them first."
        )
    return f"The bad commit of {slug} does not fit the store as it is: `cartwreck author rebase`."
