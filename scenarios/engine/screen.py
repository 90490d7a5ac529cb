"""What `up` prints: its own lines, and every line of its programs behind a colored name."""

import json
import os
import sys
import threading
from collections.abc import Mapping

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

# Escape sequences in a log line could move the cursor or rename the window of whoever reads it.
VISIBLE = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) != "\t"}
NAME_WIDTH = 6
_FOR_THE_FILE = ("timestamp", "request_id")


def as_read(line: str) -> str:
    """Return a line of a log as people read it: what happened, then the facts.

    The store logs a JSON object a line. Its time and its id serve those who search the log's file.
    """
    try:
        facts = json.loads(line)
        event, level = facts.pop("event"), str(facts.pop("level", "info"))
    except (ValueError, RecursionError, AttributeError, TypeError, KeyError):
        return line
    trace = str(facts.pop("exception", "")).strip()
    told = [f"{name}={value}" for name, value in facts.items() if name not in _FOR_THE_FILE]
    words = [*([] if level == "info" else [level.upper()]), str(event), *told]
    return " ".join(words) + (f" | {trace.splitlines()[-1]}" if trace else "")


class _Console(Console):
    def on_broken_pipe(self) -> None:
        # Rich would end the thread that prints, and with it the reading of a program's output.
        raise BrokenPipeError


class Screen:
    """A terminal or a pipe that several threads write whole lines to."""

    def __init__(self) -> None:
        """Write to standard output; rich leaves color out for pipes and under NO_COLOR."""
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="backslashreplace")
        self._console = _Console(highlight=False, markup=False, emoji=False)
        self._lock = threading.Lock()
        self.is_gone = False

    def say(self, sentence: str, style: str = "bold") -> None:
        """Print a line of `up` itself."""
        self._print(Text(sentence, style))

    def line(self, name: str, color: str, text: str) -> None:
        """Print a line of a program."""
        visible = as_read(text).translate(VISIBLE)
        self._print(Text.assemble((f"{name:<{NAME_WIDTH}} | ", color), visible))

    def panel(self, title: str, rows: Mapping[str, str]) -> None:
        """Print names and what they stand for in a box."""
        grid = Table.grid(padding=(0, 2))
        for name, value in rows.items():
            grid.add_row(Text(name, "bold"), Text(value, overflow="fold"))
        self._print(Panel(grid, title=title, expand=False, border_style="green"))

    def _print(self, what: Text | Panel) -> None:
        with self._lock:
            if self.is_gone:
                return
            try:
                self._console.print(what, soft_wrap=isinstance(what, Text))
            except OSError:
                # The reader has closed the pipe or the window. The programs' output is still
                # read and kept in their logs, and `up` stops when it sees the mark.
                self.is_gone = True
                # What is left in the buffer must not fail again when Python ends.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
