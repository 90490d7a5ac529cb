"""Change a whole sandbox, by the running `up` if there is one: start over, or switch scenarios."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from scenarios.engine.asking import Question, ask
from scenarios.engine.databases import open_database
from scenarios.engine.flags import read_flags
from scenarios.engine.refusal import AlreadyRunningError, RefusedError
from scenarios.engine.running import find_up, held
from scenarios.engine.sandbox import Sandbox
from scenarios.engine.snapshot import remove
from scenarios.engine.switching import deploy, enabled, ensure_workspace, seed_of
from scenarios.engine.workspace import Workspace

Say = Callable[[str], None]


def run_reset(sandbox: Sandbox, database_url: str | None, say: Say) -> None:
    """Put store, jobs, ledgers and mail back to the freshly seeded state.

    :raises RefusedError: when it cannot be done; then the database is as it was.
    """
    if database_url is not None and find_up(sandbox):
        raise RefusedError("Leave out --database-url: `cartwreck up` runs, and knows its database.")
    _change(sandbox, partial(reset_at_rest, sandbox, database_url, say), None)


def restore_workspace(sandbox: Sandbox) -> Path | None:
    """Bring the workspace back to what was deployed; return where a learner's work was saved."""
    workspace = Workspace(sandbox)
    saved = workspace.save_changes("-".join(read_flags(sandbox)) or "clean")
    if saved:
        workspace.restore()
    return saved


def run_switch(sandbox: Sandbox, slugs: tuple[str, ...], say: Say) -> None:
    """Let exactly these scenarios be on.

    :raises RefusedError: when it cannot be done; then nothing has changed.
    """

    def switch_at_rest() -> None:
        if deploy(sandbox, slugs):
            reset_at_rest(sandbox, None, say)

    _change(sandbox, switch_at_rest, slugs)


def reset_at_rest(sandbox: Sandbox, database_url: str | None, say: Say) -> None:
    """Reset while nothing runs."""
    ensure_workspace(sandbox)
    open_database(sandbox, database_url, seed_of(enabled(sandbox)), say).restore()
    remove(sandbox.world / "world.sqlite3")


def _change(sandbox: Sandbox, at_rest: Callable[[], None], question: Question) -> None:
    """Do it where nothing runs, and let `up` do it where it runs."""
    sandbox.make_folders()
    while True:
        try:
            with held(sandbox):
                return at_rest()
        except AlreadyRunningError:
            if (note := find_up(sandbox)) is None:
                raise
            if ask(note, question):
                return None
