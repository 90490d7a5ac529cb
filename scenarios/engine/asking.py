"""How a command asks the running `up` for something: through a Unix socket that only its user has.

A question is answered with the sentence of what went wrong, or nothing. An order of tests is
carried out by a process that `up` forks, which has the line from then on.
"""

from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Client, Connection, Listener
from queue import SimpleQueue
from threading import Event, Thread
from time import monotonic

from scenarios.engine.forking import CONTEXT, warm_up
from scenarios.engine.keeper import TICK, Order, keep
from scenarios.engine.refusal import RefusedError
from scenarios.engine.running import Note, find_up
from scenarios.engine.sandbox import Sandbox

# Exactly these scenarios are to be on; or nothing, where all is to start over.
Question = Sequence[str] | None


class Inbox:
    """What `up` is asked, in the order in which it came."""

    def __init__(self) -> None:
        """Begin to listen, in a thread."""
        self._listener = Listener(family="AF_UNIX", backlog=64)
        self.address = str(self._listener.address)
        self._asked = SimpleQueue[tuple[Question, Connection]]()
        Thread(target=self._accept, daemon=True).start()

    def take(self) -> tuple[Question, Connection] | None:
        """Return the next question, and the line that takes the answer."""
        return None if self._asked.empty() else self._asked.get()

    def _accept(self) -> None:
        while True:
            with suppress(OSError):
                Thread(target=self._hear, args=(self._listener.accept(),), daemon=True).start()

    def _hear(self, line: Connection) -> None:
        # Who only looks whether `up` is there hangs up without a word.
        with suppress(EOFError, OSError):
            said = line.recv()
            if isinstance(said, Order):
                _begin(said, line)
            else:
                self._asked.put((said, line))


def ask(note: Note, question: Question) -> bool:
    """Ask `up` and wait; tell whether it answered before it ended.

    :raises RefusedError: when it answered that it could not.
    """
    try:
        with Client(note.address) as line:
            line.send(question)
            if problem := line.recv():
                raise RefusedError(problem)
    except (EOFError, OSError):
        return False
    return True


def run(sandbox: Sandbox, order: Order, seconds: float, stop: Event) -> bool:
    """Run tests until they end, or for so many seconds, or until they are to stop.

    Nothing of the run is left when this returns. Tell whether it ended by itself, which one that
    has killed its keeper has done too.
    """
    with _line(sandbox, order) as line, suppress(EOFError, OSError):
        deadline = monotonic() + seconds
        while not line.poll(TICK):
            if monotonic() > deadline or stop.is_set():
                line.send("Enough.")
                break
        return bool(line.recv())
    return True


def _line(sandbox: Sandbox, order: Order) -> Connection:
    if note := find_up(sandbox):
        line = Client(note.address)
        line.send(order)
        return line
    ours, theirs = CONTEXT.Pipe()
    warm_up()
    _begin(order, theirs)
    return ours


def _begin(order: Order, line: Connection) -> None:
    CONTEXT.Process(target=keep, args=(line, order), daemon=True).start()
    line.close()
