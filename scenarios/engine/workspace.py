"""The workspace: the store as deployed, a git repository of one commit, which the learner edits.

Its `.git` is made anew with every switch, so that no object of it tells what was there before.
`.cartwreck/workspace.json` says what it was made of; it is written first, so a switch that was cut
off is finished by the next command.
"""

import hashlib
import shutil
import sys
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from scenarios.engine.git import run_git
from scenarios.engine.merging import MERGED, TEAM_TESTS, Merger, Patches
from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import Sandbox, read_facts, write_facts, write_whole
from scenarios.engine.snapshot import stamp_of

_DEPLOYED = Path(__file__).parent / "deployed"
# The identity that it commits with, whatever the user's own git is set to.
_TEMPLATE = Path(__file__).parent / "git_template"
_RELEASED_AT = {"GIT_AUTHOR_DATE": "2026-01-05T09:00Z", "GIT_COMMITTER_DATE": "2026-01-05T09:00Z"}


@dataclass(frozen=True)
class Deployed:
    """What the workspace was made of: scenarios, trees of the private repository, its commit.

    `sources` is a hash of all that was read; `root` is empty while the files are being written.
    """

    slugs: list[str]
    sources: str
    clean: str
    tree: str
    root: str = ""


class Workspace:
    """The workspace of one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Look at it, and change nothing."""
        self.folder = sandbox.workspace
        self._sandbox = sandbox

    @property
    def deployed(self) -> Deployed | None:
        """What it was made of, or nothing where there is none or no whole one."""
        found = read_facts(self._sandbox.made_of, Deployed)
        return found if found and found.root and (self.folder / ".git").exists() else None

    @property
    def changes(self) -> list[str]:
        """What the learner has done since: files that differ, and commits."""
        if (deployed := self.deployed) is None:
            return []
        listed = self._git("status", "--porcelain", "--untracked-files=all").splitlines()
        commits = self._git("rev-list", "HEAD", "--not", deployed.root).split()
        return [line[3:] for line in listed] + [f"commit {each[:10]}" for each in commits]

    def is_made_of(self, patches: Patches) -> bool:
        """Tell whether it was made of these bad commits and of the store as it is now."""
        deployed = self.deployed
        return deployed is not None and deployed.sources == self._hash_sources(patches)

    def deploy(self, patches: Patches) -> list[str]:
        """Put the clean store with these bad commits there, and return the paths that changed.

        :raises RefusedError: when the patches cannot be merged; nothing has then changed.
        """
        merger, sources = Merger(self._sandbox), self._hash_sources(patches)
        clean = merger.clean_tree()
        slugs, tree = [slug for slug, _ in patches], merger.merge(patches, clean)
        if self.deployed is None:
            self._put_aside()
        deployed = Deployed(slugs, sources, clean, tree)
        write_facts(self._sandbox.made_of, asdict(deployed))
        changed = merger.check_out(tree, self.folder)
        own, skip = self.folder, shutil.ignore_patterns("__pycache__")
        shutil.copytree(_DEPLOYED, own, ignore=skip, copy_function=_fill_in, dirs_exist_ok=True)
        for cache in self.folder.rglob("__pycache__"):
            shutil.rmtree(cache, ignore_errors=True)
        write_facts(self._sandbox.made_of, asdict(replace(deployed, root=self._begin_history())))
        return changed

    def save_changes(self, name: str) -> Path | None:
        """Keep all that the learner has changed as a diff, and return where; nothing if nothing."""
        if not self.changes:
            return None
        saved = self._place_to_save(f"{name}.diff")
        write_whole(saved, self.read_diff("."))
        return saved

    def restore(self) -> None:
        """Bring it back to what was deployed, whatever the learner has done."""
        if deployed := self.deployed:
            self._git("reset", "--quiet", "--hard", deployed.root)
            self._git("clean", "--quiet", "--force", "-d")
            self._begin_history()

    def refuse_changes(self) -> None:
        """Refuse what would throw a learner's work away.

        :raises RefusedError: when there are edits or commits.
        """
        if changes := self.changes:
            shown = ", ".join(changes[:3]) + (", ..." if len(changes) > 3 else "")
            raise RefusedError(
                f"There is work of yours in the workspace that this would throw away ({shown}): "
                "`cartwreck reset` saves it as a diff and puts everything back; then run the "
                "command again."
            )

    def read_diff(self, *paths: str) -> str:
        """Return what the learner has changed, new files too, as a diff; of the store by itself."""
        if (deployed := self.deployed) is None:
            return ""
        with TemporaryDirectory(dir=self._sandbox.state) as folder:
            git = partial(self._git, environment={"GIT_INDEX_FILE": Path(folder, "index")})
            git("read-tree", deployed.root)
            git("add", "--all")
            what = ("--cached", "--binary", "--full-index", deployed.root)
            return git("diff", *what, "--", *(paths or MERGED))

    def _hash_sources(self, patches: Patches) -> str:
        places = [(self._sandbox.root, [*MERGED, *TEAM_TESTS]), (_DEPLOYED, ["."])]
        places += [(patch.parent, [patch.name]) for _, patch in patches]
        stamps = [stamp_of(root, sources) for root, sources in places]
        return hashlib.sha256("\0".join([sys.executable, *stamps]).encode()).hexdigest()

    def _put_aside(self) -> None:
        last = read_facts(self._sandbox.made_of, Deployed)
        # A switch throws nobody's work away, so what it has left half written is nobody's.
        is_cut_off = last is not None and not last.root
        if self.folder.exists() and not is_cut_off:
            self.folder.rename(self._place_to_save("workspace"))

    def _place_to_save(self, name: str) -> Path:
        now = datetime.now()  # noqa: DTZ005  A person reads it.
        place = self._sandbox.state / "saved" / f"{now:%Y-%m-%d-%H%M%S-%f}-{name}"
        place.parent.mkdir(exist_ok=True)
        return place

    def _begin_history(self) -> str:
        """Make a repository with one commit of all that is there, and return its name."""
        fresh, own = self._sandbox.state / "fresh", self.folder / ".git"
        shutil.rmtree(fresh, ignore_errors=True)
        run_git("init", "--quiet", f"--template={_TEMPLATE}", "--initial-branch=main", fresh)
        places = ("--git-dir", fresh / ".git", "--work-tree", self.folder)
        # As one pack: a file for each object takes five times as long.
        run_git("-c", "core.bigFileThreshold=1", *places, "add", "--all")
        run_git(*places, "commit", "--quiet", "-m", "Release", environment=_RELEASED_AT)
        root = run_git(*places, "rev-parse", "HEAD").strip()
        shutil.rmtree(own, ignore_errors=True)
        (fresh / ".git").rename(own)
        return root

    def _git(self, *arguments: str, environment: dict[str, Path] | None = None) -> str:
        return run_git("-C", self.folder, *arguments, environment=environment)


def _fill_in(source: str, target: str) -> None:
    """Copy a text of the workspace, with the path of the Python that runs this in it."""
    python = Path(sys.executable)
    text = Path(source).read_text("utf-8").replace("@PYTHON@", python.as_posix())
    Path(target).write_text(text.replace("@BIN@", python.parent.as_posix()), "utf-8")
