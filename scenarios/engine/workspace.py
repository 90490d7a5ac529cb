"""The workspace: the store as deployed, a git repository of one commit, which the learner edits.

Its `.git` is made anew with every switch, so that no object of it tells what was there before.
`.cartwreck/workspace.json` says what it was made of; it is written first, so a switch that was cut
off is finished by the next command.
"""

import hashlib
import json
import shutil
import sys
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from scenarios.engine.git import GitFailedError, run_git
from scenarios.engine.merging import MERGED, Merger, Patches
from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import Sandbox, write_whole
from scenarios.engine.snapshot import stamp_of

_DEPLOYED = Path(__file__).parent / "deployed"
# The suite of the store's team, as it lies in the checkout.
_TEAM_TESTS = ("__init__.py", "conftest.py", "databases.py", "factories.py", "smoke")
_CONFIG = """
[user]
	name = Brindle & Bolt
	email = release@brindle.example
[core]
	hooksPath = /dev/null
[commit]
	gpgSign = false
"""
_RELEASED_AT = {"GIT_AUTHOR_DATE": "2026-01-05T09:00Z", "GIT_COMMITTER_DATE": "2026-01-05T09:00Z"}


@dataclass(frozen=True)
class Deployed:
    """What the workspace was made of: scenarios, trees of the private repository, its commit.

    `sources` is a hash of all that was read; `root` is empty while the files are being written.
    """

    slugs: tuple[str, ...]
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
        try:
            facts = json.loads(self._note.read_text("utf-8"))
            found = Deployed(**{**facts, "slugs": tuple(facts["slugs"])})
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None
        return found if found.root and (self.folder / ".git").exists() else None

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
        slugs = tuple(slug for slug, _ in patches)
        clean = merger.clean_tree()
        next_one = Deployed(slugs, sources, clean, merger.merge(patches, clean))
        wanted, present = merger.files(next_one.tree), self._present(merger)
        changed = [path for path, name in wanted.items() if present.get(path) != name]
        gone = [path for path in present if path not in wanted]
        self._keep(next_one)
        self.folder.mkdir(exist_ok=True)
        merger.export(next_one.tree, changed, self.folder)
        for path in gone:
            (self.folder / path).unlink(missing_ok=True)
        self._write_around()
        for cache in self.folder.rglob("__pycache__"):
            shutil.rmtree(cache, ignore_errors=True)
        root = self._begin_history()
        self._keep(replace(next_one, root=root))
        return changed + gone

    def save_changes(self, name: str) -> Path | None:
        """Keep all that the learner has changed as a diff, and return where; nothing if nothing."""
        if not self.changes:
            return None
        saved = self._sandbox.state / "saved" / f"{_now()}-{name}.diff"
        saved.parent.mkdir(exist_ok=True)
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

    def read_root(self, path: str) -> str | None:
        """Return the text of a file as it was deployed, or nothing when there is no such file."""
        try:
            return self._git("show", f"{self.deployed.root}:{path}") if self.deployed else None
        except GitFailedError:
            return None

    def read_diff(self, *paths: str) -> str:
        """Return what the learner has changed, new files too, as a diff; of the store by itself."""
        if (deployed := self.deployed) is None:
            return ""
        with TemporaryDirectory(dir=self._sandbox.state) as folder:
            index = {"GIT_INDEX_FILE": Path(folder, "index")}
            self._git("read-tree", deployed.root, environment=index)
            self._git("add", "--all", environment=index)
            options = ("--cached", "--binary", "--full-index", deployed.root)
            return self._git("diff", *options, "--", *(paths or MERGED), environment=index)

    def _hash_sources(self, patches: Patches) -> str:
        team = [f"tests/{name}" for name in _TEAM_TESTS]
        places = [(self._sandbox.root, [*MERGED, *team]), (_DEPLOYED, ["."])]
        places += [(patch.parent, [patch.name]) for _, patch in patches]
        stamps = [stamp_of(root, sources) for root, sources in places]
        return hashlib.sha256("\0".join([sys.executable, *stamps]).encode()).hexdigest()

    def _present(self, merger: Merger) -> dict[str, str]:
        if deployed := self.deployed:
            return merger.files(deployed.tree)
        if _is_cut_off(self._note):
            # A switch throws nobody's work away, so what it has left half written is nobody's.
            for name in MERGED:
                shutil.rmtree(self.folder / name, ignore_errors=True)
        elif self.folder.exists():
            aside = self._sandbox.state / "saved" / f"{_now()}-workspace"
            aside.parent.mkdir(exist_ok=True)
            self.folder.rename(aside)
        return {}

    def _write_around(self) -> None:
        """Write what is beside the store: the team's tests, the editor's settings, a page."""
        tests = self._sandbox.root / "tests"
        for name in _TEAM_TESTS:
            if (tests / name).is_dir():
                leave_out = shutil.ignore_patterns("__pycache__")
                target = self.folder / "tests" / name
                shutil.copytree(tests / name, target, ignore=leave_out, dirs_exist_ok=True)
            elif (tests / name).exists():
                (self.folder / "tests").mkdir(exist_ok=True)
                shutil.copyfile(tests / name, self.folder / "tests" / name)
        places = {"@PYTHON@": Path(sys.executable), "@BIN@": Path(sys.executable).parent}
        for source in _DEPLOYED.rglob("*"):
            if source.is_file() and "__pycache__" not in source.parts:
                text = source.read_text("utf-8")
                for sign, path in places.items():
                    text = text.replace(sign, path.as_posix())
                target = self.folder / source.relative_to(_DEPLOYED)
                target.parent.mkdir(exist_ok=True)
                target.write_text(text, "utf-8")

    def _begin_history(self) -> str:
        """Make a repository with one commit of all that is there, and return its name."""
        fresh, own = self._sandbox.state / "fresh", self.folder / ".git"
        shutil.rmtree(fresh, ignore_errors=True)
        run_git("init", "--quiet", "--template=", "--initial-branch=main", fresh)
        with (fresh / ".git" / "config").open("a", encoding="utf-8") as config:
            config.write(_CONFIG)
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

    def _keep(self, deployed: Deployed) -> None:
        write_whole(self._note, json.dumps(asdict(deployed), indent=2) + "\n")

    @property
    def _note(self) -> Path:
        return self._sandbox.state / "workspace.json"


def _is_cut_off(note: Path) -> bool:
    try:
        return not json.loads(note.read_text("utf-8"))["root"]
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return False


def _now() -> str:
    return f"{datetime.now():%Y-%m-%d-%H%M%S-%f}"  # noqa: DTZ005  A person reads it.
