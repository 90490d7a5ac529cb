"""Change a whole sandbox, by the running `up` if there is one: start over, or switch scenarios."""

from collections.abc import Callable
from pathlib import Path

from scenarios.engine.databases import flask_runner, open_database
from scenarios.engine.flags import read_flags
from scenarios.engine.keys import load_keys
from scenarios.engine.programs import LOOPBACK, Addresses, store_settings
from scenarios.engine.refusal import AlreadyRunningError, RefusedError
from scenarios.engine.requests import ask_up, one_at_a_time
from scenarios.engine.running import end_leftovers, held, read_note
from scenarios.engine.sandbox import Sandbox
from scenarios.engine.snapshot import remove
from scenarios.engine.switching import deploy, enabled, ensure_workspace, seed_of
from scenarios.engine.workspace import Workspace

Say = Callable[[str], None]


def run_reset(sandbox: Sandbox, database_url: str | None, say: Say) -> None:
    """Put store, jobs, ledgers and mail back to the freshly seeded state.

    :raises RefusedError: when it cannot be done; then the database is as it was.
    """
    if database_url is not None and read_note(sandbox) is not None:
        # The note may be of an `up` that was killed; then the lock is free, and all is well.
        _refuse_beside_up(sandbox)
    _change(sandbox, "reset", (), lambda: reset_at_rest(sandbox, database_url, say))


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
        if deploy(sandbox, slugs).must_reset:
            reset_at_rest(sandbox, None, say)

    _change(sandbox, "switch", slugs, switch_at_rest)


def reset_at_rest(sandbox: Sandbox, database_url: str | None, say: Say) -> None:
    """Reset while nothing runs."""
    end_leftovers(sandbox)
    ensure_workspace(sandbox)
    database = open_database(sandbox, database_url, seed_of(enabled(sandbox)))
    # The commands that migrate and seed call nobody, so any address does.
    nowhere = Addresses(LOOPBACK, 5000, 5002, 5025)
    settings = store_settings(load_keys(sandbox), nowhere, database.url)
    database.restore(flask_runner(sandbox, settings), say)
    remove(sandbox.world / "world.sqlite3")


def _change(
    sandbox: Sandbox, kind: str, slugs: tuple[str, ...], at_rest: Callable[[], None]
) -> None:
    sandbox.make_folders()
    with one_at_a_time(sandbox):
        while True:
            try:
                with held(sandbox):
                    return at_rest()
            except AlreadyRunningError:
                if read_note(sandbox) is None:
                    raise
                if ask_up(sandbox, kind, slugs):
                    return None


def _refuse_beside_up(sandbox: Sandbox) -> None:
    try:
        with held(sandbox):
            return
    except AlreadyRunningError:
        raise RefusedError(
            "Leave out --database-url: the running `cartwreck up` knows its database."
        ) from None
