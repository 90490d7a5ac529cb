"""How a command asks the running `up` for something: a file with the question, one with the answer.

Files work on every system and under every path (a Unix socket's path ends at about 100 bytes),
need no further port, and `up` looks for them anyway whenever it looks after its programs. There is
room for one question only, so a second command waits for the first.
"""

import fcntl
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from scenarios.engine.refusal import RefusedError
from scenarios.engine.running import read_note
from scenarios.engine.sandbox import Sandbox, write_whole

SECONDS_TO_ANSWER = 90.0


@dataclass(frozen=True)
class Question:
    """What `up` is asked to do: `reset`, or `switch` to exactly these scenarios."""

    id: str
    kind: str
    slugs: tuple[str, ...] = ()


def ask_up(sandbox: Sandbox, kind: str, slugs: tuple[str, ...] = ()) -> bool:
    """Ask `up` and wait; tell whether it answered before it ended.

    :raises RefusedError: when it answered that it could not, or does not answer.
    """
    question = Question(secrets.token_hex(8), kind, slugs)
    write_whole(_question(sandbox), json.dumps(asdict(question)))
    deadline = time.monotonic() + SECONDS_TO_ANSWER
    while read_note(sandbox) is not None:
        is_answered, problem = _read_answer(sandbox, question.id)
        if is_answered and problem:
            raise RefusedError(problem)
        if is_answered:
            return True
        if time.monotonic() > deadline:
            raise RefusedError(
                "The running `cartwreck up` does not answer: stop it and run the command again."
            )
        time.sleep(0.01)
    return False


def asked(sandbox: Sandbox) -> Question | None:
    """Return the question that waits, and take it away."""
    try:
        facts = json.loads(_question(sandbox).read_text("utf-8"))
    except FileNotFoundError:
        return None
    _question(sandbox).unlink(missing_ok=True)
    return Question(facts["id"], facts["kind"], tuple(facts["slugs"]))


def answer(sandbox: Sandbox, question: Question, problem: str | None) -> None:
    """Leave the answer: the sentence of what went wrong, or nothing."""
    write_whole(_answer(sandbox), json.dumps({"question": question.id, "problem": problem}))


def forget_requests(sandbox: Sandbox) -> None:
    """Remove questions and answers of an earlier `up`."""
    _question(sandbox).unlink(missing_ok=True)
    _answer(sandbox).unlink(missing_ok=True)


@contextmanager
def one_at_a_time(sandbox: Sandbox) -> Iterator[None]:
    """Let one command after the other change the sandbox."""
    with (sandbox.state / "change.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _read_answer(sandbox: Sandbox, question: str) -> tuple[bool, str | None]:
    try:
        facts = json.loads(_answer(sandbox).read_text("utf-8"))
    except FileNotFoundError:
        return False, None
    return facts["question"] == question, facts["problem"]


def _question(sandbox: Sandbox) -> Path:
    return sandbox.state / "asked.json"


def _answer(sandbox: Sandbox) -> Path:
    return sandbox.state / "answer.json"
