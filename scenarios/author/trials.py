"""The trials of one scenario: what has to hold before it may be shown to anybody.

Each trial is a name and a call that returns the sentence of what is wrong, or nothing.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from scenarios.engine.catalogue import Scenario
from scenarios.engine.git import GitFailedError
from scenarios.engine.judging import Run, judging_room, run_check, run_tests
from scenarios.engine.learning import judge_whole_store
from scenarios.engine.merging import Merger
from scenarios.engine.refusal import RefusedError
from scenarios.engine.sandbox import Sandbox
from scenarios.world.conditions import CONDITIONS

TIMES_BAD = 5
# Several run at once, and nobody waits for one of them.
_SECONDS = 240.0
_MOST_LINES, _MOST_FILES, _LEAST_RIGHT, _LEAST_WRONG, _LEAST_HINTS = 30, 2, 2, 3, 3
_TEXTS = ("ticket", "hints", "debrief", "instructor")
_DEBRIEF = ("Cause", "How each tool shows it", "The fix", "How to prevent", "A real incident")
_IDENTIFIER = re.compile(r"[A-Za-z]\w*\.[a-z]\w*|[A-Za-z]\w*_\w+|[a-z]+[A-Z]\w+")
_TEST = re.compile(r"def (test_\w+)")
_PATCH_HEAD = ("From ", "From: ", "Date: ", "Subject: ")
# Two stores that no check may let pass.
_ANSWERS_500 = """

from typing import Any

_create_app = create_app


def create_app(*arguments: Any, **named: Any) -> Flask:
    app = _create_app(*arguments, **named)

    @app.before_request
    def fail() -> None:
        raise RuntimeError("It answers 500 to everything.")

    return app
"""
_REFUSES = """

def place_order(*arguments: object, **named: object) -> str:
    raise CartEmpty
"""

_USELESS = {
    "a store that answers 500": ("shop/__init__.py", _ANSWERS_500),
    "a store that refuses every order": ("shop/services/checkout.py", _REFUSES),
}

Trial = tuple[str, Callable[[], str | None]]


@dataclass(frozen=True)
class Trials:
    """All trials of a scenario on some databases; a URL of None is SQLite."""

    sandbox: Sandbox
    scenario: Scenario
    databases: dict[str, str | None]

    @cached_property
    def _merger(self) -> Merger:
        return Merger(self.sandbox)

    @cached_property
    def clean(self) -> str:
        """The tree of the clean store."""
        return self._merger.clean_tree()

    @cached_property
    def bad(self) -> str:
        """The tree with the bad commit."""
        return self._merger.merge([(self.scenario.slug, self.scenario.patch)])

    def fixed(self, fix: Path) -> str:
        """Return the tree with the bad commit and a fix on top of it."""
        own = self.scenario
        return self._merger.merge([(own.slug, own.patch), (f"{own.slug}'s {fix.name}", fix)])

    def quick(self) -> Iterator[Trial]:
        """Yield the trials that run nothing: the files, their texts, and that patches apply."""
        yield "its files", self.look_at_files
        if self._missing:
            return
        yield "its conditions", self.look_at_conditions
        yield "its texts", self.look_at_texts
        yield "its bad commit", self.look_at_patch
        for fix in (*self.scenario.right_fixes, *self.scenario.wrong_fixes):
            yield f"{fix.parent.name}/{fix.stem} applies", partial(self.apply, fix)

    def slow(self, is_draft: bool, is_whole: bool) -> Iterator[Trial]:
        """Yield the trials that run the store."""
        right = {f"right/{fix.stem}": self.fixed(fix) for fix in self.scenario.right_fixes}
        for name, url in self.databases.items():
            for nth in range(1 if is_draft else TIMES_BAD):
                yield f"bad commit, {name}, {nth + 1}", partial(self.fails, self.bad, url)
            yield f"clean store, {name}", partial(self.passes, self.clean, url)
            yield f"smoke suite on the bad commit, {name}", partial(self.smokes, url)
            for told, tree in right.items():
                yield f"{told}, {name}", partial(self.passes, tree, url)
            for fix in self.scenario.wrong_fixes:
                if self.scenario.is_wrong_on(fix, name):
                    yield f"wrong/{fix.stem}, {name}", partial(self.fails, self.fixed(fix), url)
            for told, (path, text) in _USELESS.items():
                yield f"{told}, {name}", partial(self.refuses, path, text, url)
        for told, tree in {"the bad commit": self.bad, **right}.items():
            yield f"lint and types of {told}", partial(self.lints, tree)
        for told, tree in right.items() if is_whole else ():
            yield f"the store's suite on {told}", partial(self.holds_elsewhere, tree)

    def look_at_files(self) -> str | None:
        """Tell what is missing."""
        own = self.scenario
        if self._missing:
            return f"{', '.join(self._missing)} is missing."
        if len(own.right_fixes) < _LEAST_RIGHT or len(own.wrong_fixes) < _LEAST_WRONG:
            return (
                f"It has {len(own.right_fixes)} right and {len(own.wrong_fixes)} wrong fixes: "
                f"{_LEAST_RIGHT} and {_LEAST_WRONG} are the least."
            )
        if unexplained := [f.name for f in own.wrong_fixes if not f.with_suffix(".md").is_file()]:
            return f"wrong/{unexplained[0]} has no explanation beside it."
        if len(own.hints) < _LEAST_HINTS:
            return f"It has {len(own.hints)} hints: {_LEAST_HINTS} are the least."
        absent = [part for part in _DEBRIEF if f"## {part}" not in own.read("debrief")]
        return f"The debrief has no part {absent[0]!r}." if absent else None

    def look_at_conditions(self) -> str | None:
        """Tell which condition the outside world does not know, or not with this value."""
        for service, values in self.scenario.conditions.items():
            known = CONDITIONS.get(service, {})
            for name, value in values.items():
                if name not in known:
                    return f"The outside world has no condition {service}.{name}."
                if not known[name].accepts(value):
                    return f"{service}.{name} is {known[name].wanted}, not {value!r}."
        return None

    def look_at_texts(self) -> str | None:
        """Tell which text that is seen before the debrief names the cause."""
        own = self.scenario
        lines = _changed_lines(own.patch.read_text("utf-8"))
        words = {*own.spoilers, *(w for line in lines for w in _IDENTIFIER.findall(line))}
        names = " ".join(_TEST.findall((own.folder / "check.py").read_text("utf-8")))
        seen = {
            "ticket.md": own.read("ticket"),
            "the title": own.title,
            "the slug": own.slug,
            "a check's name": names,
            "out_of_scope": " ".join(own.out_of_scope),
        }
        if not own.spoilers:
            return "scenario.toml has no `spoilers`: list the words that would name the cause."
        for place, text in seen.items():
            plain = text.lower().replace("_", " ").replace("-", " ")
            for word in sorted(words):
                if re.search(rf"\b{re.escape(word.lower().replace('_', ' '))}\b", plain):
                    return f"{place} says {word!r}, which names the cause."
        return None

    def look_at_patch(self) -> str | None:
        """Tell why the bad commit is not one that a colleague would have merged."""
        text = self.scenario.patch.read_text("utf-8")
        lines, files = _changed_lines(text), re.findall(r"^\+\+\+ b/(.+)$", text, re.MULTILINE)
        if not all(re.search(f"^{head}", text, re.MULTILINE) for head in _PATCH_HEAD):
            return "The patch is not in the form of git format-patch, with author and subject."
        if len(lines) > _MOST_LINES or len(files) > _MOST_FILES:
            return f"The patch changes {len(lines)} lines in {len(files)} files."
        if strange := [path for path in files if not path.startswith(("shop/", "seed_data/"))]:
            return f"The patch touches {strange[0]}."
        if not re.search(r"^index [0-9a-f]{40}\.\.[0-9a-f]{40}", text, re.MULTILINE):
            return "The patch has no full index lines: git format-patch --full-index."
        return self.apply()

    def apply(self, fix: Path | None = None) -> str | None:
        """Tell why a patch does not apply."""
        try:
            self.fixed(fix) if fix else self.bad
        except (RefusedError, GitFailedError) as error:
            return str(error)
        return None

    def passes(self, tree: str, url: str | None) -> str | None:
        """Tell why check and smoke suite do not pass."""
        with judging_room(self.sandbox, tree) as room:
            return _why_not_passed(run_check(self.sandbox, room, self._check, url, _SECONDS))

    def fails(self, tree: str, url: str | None) -> str | None:
        """Tell why the check does not show the fault; a store that stands still has shown it."""
        with judging_room(self.sandbox, tree) as room:
            run = self._check_alone(room, url)
        is_shown = run.outcome == "fault shown" or run.hung is not None
        return None if is_shown else f"The check says {run.outcome!r}. {run.trouble}".strip()

    def refuses(self, path: str, text: str, url: str | None) -> str | None:
        """Tell that a clean store passes to which a text was added that makes it useless."""
        with judging_room(self.sandbox, self.clean) as room:
            with (room / "store" / path).open("a", encoding="utf-8") as file:
                file.write(text)
            run = self._check_alone(room, url)
        return "The check passes." if run.passed else None

    def smokes(self, url: str | None) -> str | None:
        """Tell why the smoke suite does not pass on the bad commit, which it must."""
        own = {"SHOP_TEST_POSTGRES_URL": url} if url else {}
        only = "not sqlite" if url else "not postgresql"
        with judging_room(self.sandbox, self.bad) as room:
            own["PYTEST_XDIST_WORKER"] = room.name
            run = run_tests(self.sandbox, room, ("tests/smoke", "-k", only), _SECONDS, own)
        return _why_not_passed(run)

    def holds_elsewhere(self, tree: str) -> str | None:
        """Tell which test of the store's own suite does not pass."""
        with judging_room(self.sandbox, tree) as room:
            verdict = judge_whole_store(self.sandbox, room / "store")
        return f"{verdict.sentence} {verdict.test} {verdict.seen}" if verdict else None

    def lints(self, tree: str) -> str | None:
        """Tell what ruff and mypy say about the changed files."""
        diff = self._merger.diff(self.clean, tree)
        files = re.findall(r"^\+\+\+ b/(.+\.py)$", diff, re.MULTILINE)
        settings = self.sandbox.root / "pyproject.toml"
        ruff, mypy = (sys.executable, "-m", "ruff"), (sys.executable, "-m", "mypy")
        with judging_room(self.sandbox, tree) as room:
            (room / "store" / "pyproject.toml").write_bytes(settings.read_bytes())
            for command in (
                (*ruff, "check", "--no-cache", *files),
                (*ruff, "format", "--check", "--no-cache", *files),
                (*mypy, "--follow-imports=silent", f"--cache-dir={room}/mypy", *files),
            ):
                done = subprocess.run(
                    command, cwd=room / "store", capture_output=True, text=True, check=False
                )
                if done.returncode:
                    return (done.stdout + done.stderr).strip().splitlines()[0]
        return None

    @property
    def _missing(self) -> list[str]:
        names = (*(f"{text}.md" for text in _TEXTS), "check.py", "bad_commit.patch")
        return [name for name in names if not (self.scenario.folder / name).is_file()]

    @property
    def _check(self) -> Path:
        return self.scenario.folder / "check.py"

    def _check_alone(self, room: Path, url: str | None) -> Run:
        return run_check(self.sandbox, room, self._check, url, _SECONDS, with_smoke=False)


def _why_not_passed(run: Run) -> str | None:
    if run.passed:
        return None
    if run.failed:
        return f"{run.failed.test} does not pass: {run.failed.said}"
    return run.trouble or ", ".join(run.misdeeds) or f"It stands still at {run.hung}."


def _changed_lines(patch: str) -> list[str]:
    return [
        line[1:]
        for line in patch.splitlines()
        if line[:1] in "+-" and line[:3] not in ("+++", "---", "-- ") and line.strip() != "--"
    ]
