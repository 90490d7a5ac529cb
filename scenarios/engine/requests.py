"""How a command asks the running `up` for something: a file with the question, one with the answer.

Files work on every system and under every path (a Unix socket's path ends at about 100 bytes),
need no further port, and `up` looks for them anyway whenever it looks after its programs.
"""

import json
import secrets
from pathlib import Path

from scenarios.engine.sandbox import Sandbox, write_whole


def ask_reset(sandbox: Sandbox) -> str:
    """Leave the question and return its id."""
    question = secrets.token_hex(8)
    write_whole(_question(sandbox), question)
    return question


def asked_reset(sandbox: Sandbox) -> str | None:
    """Return the id of the question that waits, and take it away."""
    try:
        question = _question(sandbox).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    _question(sandbox).unlink(missing_ok=True)
    return question


def answer_reset(sandbox: Sandbox, question: str, problem: str | None) -> None:
    """Leave the answer: the sentence of what went wrong, or nothing."""
    write_whole(_answer(sandbox), json.dumps({"question": question, "problem": problem}))


def answered_reset(sandbox: Sandbox, question: str) -> tuple[bool, str | None]:
    """Tell whether the question has its answer, and what went wrong."""
    try:
        answer = json.loads(_answer(sandbox).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False, None
    return answer["question"] == question, answer["problem"]


def forget_requests(sandbox: Sandbox) -> None:
    """Remove questions and answers of an earlier `up`."""
    _question(sandbox).unlink(missing_ok=True)
    _answer(sandbox).unlink(missing_ok=True)


def _question(sandbox: Sandbox) -> Path:
    return sandbox.state / "reset-asked"


def _answer(sandbox: Sandbox) -> Path:
    return sandbox.state / "reset-answer.json"
