"""`cartwreck reset`: put store, jobs, ledgers and mail back to the freshly seeded state."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from scenarios.engine.databases import flask_runner, open_database
from scenarios.engine.keys import load_keys
from scenarios.engine.programs import LOOPBACK, Addresses, store_settings
from scenarios.engine.refusal import AlreadyRunningError, RefusedError
from scenarios.engine.requests import answered_reset, ask_reset
from scenarios.engine.running import end_leftovers, held, read_note
from scenarios.engine.sandbox import Sandbox
from scenarios.engine.snapshot import remove
from scenarios.engine.workspace import ensure_workspace

SECONDS_TO_ANSWER = 90.0


def run_reset(sandbox: Sandbox, database_url: str | None, say: Callable[[str], None]) -> None:
    """Reset the sandbox, by the running `up` when there is one.

    :raises RefusedError: when it cannot be done; then the database is as it was.
    """
    sandbox.make_folders()
    deadline = time.monotonic() + SECONDS_TO_ANSWER
    with _one_at_a_time(sandbox):
        while time.monotonic() < deadline:
            try:
                with held(sandbox):
                    return _reset_at_rest(sandbox, database_url, say)
            except AlreadyRunningError:
                if read_note(sandbox) is None:
                    raise
                if _done_by_up(sandbox, database_url, deadline):
                    return None
    raise RefusedError(
        "The running `cartwreck up` does not answer: stop it and run the command again."
    )


def _reset_at_rest(sandbox: Sandbox, database_url: str | None, say: Callable[[str], None]) -> None:
    end_leftovers(sandbox)
    ensure_workspace(sandbox)
    database = open_database(sandbox, database_url)
    # The commands that migrate and seed call nobody, so any address does.
    nowhere = Addresses(LOOPBACK, 5000, 5002, 5025)
    settings = store_settings(load_keys(sandbox), nowhere, database.url)
    database.restore(flask_runner(sandbox, settings), say)
    remove(sandbox.world / "world.sqlite3")


def _done_by_up(sandbox: Sandbox, database_url: str | None, deadline: float) -> bool:
    """Ask `up` and wait; tell whether it answered before it ended.

    :raises RefusedError: when it answered that it could not.
    """
    if database_url is not None:
        raise RefusedError(
            "Leave out --database-url: the running `cartwreck up` knows its database."
        )
    question = ask_reset(sandbox)
    while time.monotonic() < deadline and read_note(sandbox) is not None:
        is_answered, problem = answered_reset(sandbox, question)
        if is_answered and problem:
            raise RefusedError(problem)
        if is_answered:
            return True
        time.sleep(0.02)
    return False


@contextmanager
def _one_at_a_time(sandbox: Sandbox) -> Iterator[None]:
    # There is room for one question only, so a second reset waits for the first.
    with (sandbox.state / "reset.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
