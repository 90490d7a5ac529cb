"""How a command asks the running `up` for something: a file with the question, and then the answer.

Files work on every system and under every path (a Unix socket's path ends at about 100 bytes),
need no further port, and `up` looks for them anyway whenever it looks after its programs. There is
room for one question only, so a second command waits for the first.
"""

import fcntl
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from scenarios.engine.refusal import RefusedError
from scenarios.engine.running import read_note
from scenarios.engine.sandbox import Sandbox, read_facts, write_facts

SECONDS_TO_ANSWER = 90.0


@dataclass(frozen=True)
class Question:
    """What `up` is asked to do: `reset`, or `switch` to exactly these scenarios.

    Once it is answered, `problem` is the sentence of what went wrong, or nothing.
    """

    id: str
    kind: str
    slugs: Sequence[str] = ()
    is_answered: bool = False
    problem: str | None = None


def ask_up(sandbox: Sandbox, kind: str, slugs: Sequence[str] = ()) -> bool:
    """Ask `up` and wait; tell whether it answered before it ended.

    :raises RefusedError: when it answered that it could not, or does not answer.
    """
    question = Question(secrets.token_hex(8), kind, slugs)
    deadline = time.monotonic() + SECONDS_TO_ANSWER
    while read_note(sandbox) is not None:
        found = read_facts(_path(sandbox), Question)
        if found is None or found.id != question.id:
            # It may also be the late answer to a command that was killed.
            write_facts(_path(sandbox), asdict(question))
        elif found.problem:
            raise RefusedError(found.problem)
        elif found.is_answered:
            return True
        if time.monotonic() > deadline:
            raise RefusedError(
                "The running `cartwreck up` does not answer: stop it and run the command again."
            )
        time.sleep(0.01)
    return False


def asked(sandbox: Sandbox) -> Question | None:
    """Return the question that waits."""
    question = read_facts(_path(sandbox), Question)
    return None if question is None or question.is_answered else question


def answer(sandbox: Sandbox, question: Question, problem: str | None) -> None:
    """Leave the answer: the sentence of what went wrong, or nothing."""
    write_facts(_path(sandbox), asdict(replace(question, is_answered=True, problem=problem)))


def forget_requests(sandbox: Sandbox) -> None:
    """Remove the question and the answer of an earlier `up`."""
    _path(sandbox).unlink(missing_ok=True)


@contextmanager
def one_at_a_time(sandbox: Sandbox) -> Iterator[None]:
    """Let one command after the other change the sandbox."""
    with (sandbox.state / "change.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _path(sandbox: Sandbox) -> Path:
    return sandbox.state / "asked.json"
