"""Bad commits merged into the clean store, in a private repository beside the workspace.

A three-way merge needs the content that a patch was made from. It is looked for in the clean store
as it is, whose files this repository holds, and in the history of the checkout, if it has one.
Trees are named as git names them; nothing of this repository ever reaches the workspace but files.
"""

import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from scenarios.engine.git import GitFailedError, run_git
from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import Sandbox

# What a bad commit may touch; the workspace's other files are the same for all.
MERGED = ("shop", "seed_data")
_HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@")
Patches = Sequence[tuple[str, Path]]


class Merger:
    """The private repository of one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Make the repository, if it is not there."""
        self._root, self._folder = sandbox.root, sandbox.state / "merging.git"
        if not (self._folder / "HEAD").exists():
            shutil.rmtree(self._folder, ignore_errors=True)
            run_git("init", "--quiet", "--bare", "--template=", self._folder)
        history = sandbox.root / ".git" / "objects"
        alternates = self._folder / "objects" / "info" / "alternates"
        alternates.parent.mkdir(exist_ok=True)
        alternates.write_text(f"{history}\n" if history.is_dir() else "", "utf-8")

    def clean_tree(self) -> str:
        """Return the tree of the clean store as it lies in the checkout."""
        names = [name for name in MERGED if (self._root / name).exists()]
        with self._index() as git:
            git("add", "--all", "--", *names)
            return git("write-tree").strip()

    def merge(self, patches: Patches, clean: str = "") -> str:
        """Return the tree of the clean store with the patches, merged in the given order.

        :param clean: the clean store's tree, where it is known.
        :raises RefusedError: naming the scenario that cannot be merged with those before it.
        """
        tree, before = clean or self.clean_tree(), list[str]()
        for slug, patch in patches:
            if not patch.is_file():
                raise RefusedError(f"{patch} is not there yet: `cartwreck author record`.")
            with self._index() as git:
                git("read-tree", tree)
                try:
                    git("apply", "--cached", "--3way", patch)
                except GitFailedError as error:
                    raise RefusedError(_why_not(slug, before), str(error).splitlines()) from error
                tree = git("write-tree").strip()
            before.append(slug)
        return tree

    def files(self, tree: str) -> dict[str, str]:
        """Return the names of a tree's contents by path."""
        listed = self._git("ls-tree", "-r", "-z", tree).split("\0")
        rows = [line.partition("\t") for line in listed if line]
        return {path: facts.split()[2] for facts, _, path in rows}

    def export(self, tree: str, paths: Iterable[str], target: Path) -> None:
        """Write some files of a tree into a folder, over what is there."""
        listed = "".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape")
        with self._index() as git:
            git("read-tree", tree)
            out = ("checkout-index", "--force", "-z", "--stdin", f"--prefix={target}/")
            git(*out, data=listed)

    def changed_lines(self, before: str, after: str) -> dict[str, list[range]]:
        """Return the lines that differ, by path, as they are counted in the tree `after`.

        Where lines are gone, it is the line before the gap and the one behind it.
        """
        diff = self._git("diff", "--unified=0", "--no-color", "--no-renames", before, after)
        found, path = defaultdict[str, list[range]](list), ""
        for line in diff.splitlines():
            if line.startswith("+++ "):
                path = line.removeprefix("+++ b/")
            elif hunk := _HUNK.match(line):
                first, count = int(hunk[1]), int(hunk[2] or 1)
                found[path].append(range(first, first + (count or 2)))
        return dict(found)

    def diff(self, before: str, after: str) -> str:
        """Return what differs between two trees, as a patch with full names."""
        return self._git("diff", "--full-index", "--binary", before, after)

    def read(self, tree: str, path: str) -> str:
        """Return the text of a file in a tree."""
        return self._git("show", f"{tree}:{path}")

    def _git(self, *arguments: str) -> str:
        return run_git(*arguments, environment={"GIT_DIR": self._folder})

    @contextmanager
    def _index(self) -> Iterator[Callable[..., str]]:
        """Yield git with an index of its own, so that several can be at work at once."""
        with TemporaryDirectory(dir=self._folder) as folder:
            places = {"GIT_DIR": self._folder, "GIT_WORK_TREE": self._root}
            own = partial(run_git, environment={**places, "GIT_INDEX_FILE": f"{folder}/index"})
            # In a folder below, such as the workspace, git would mean the files of that folder.
            yield partial(own, "-C", self._root)


def _why_not(slug: str, before: list[str]) -> str:
    if before:
        return (
            f"{slug} cannot go together with {' and '.join(before)}: "
            "both change the same lines. Disable one of them first."
        )
    return f"The bad commit of {slug} does not fit the store as it is: `cartwreck author rebase`."
