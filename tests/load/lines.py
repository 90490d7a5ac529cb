"""The log lines of a store and its workers, and what they tell of failures."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.load.running import RunningStore

Line = Mapping[str, Any]
_KNOWN = re.compile(r"^sqlalchemy\.exc\.(OperationalError|InternalError): ", re.MULTILINE)
# What the driver said, without the address of the server.
_REASON = re.compile(r"^(?:\S+: )?\((?:sqlite3|psycopg)[\w.]*\) (?:.+ failed: )?(.+)", re.MULTILINE)


def read_lines(running: RunningStore) -> list[Line]:
    """Return every JSON line of stores and workers, with the name of the program that wrote it."""
    return [
        {**json.loads(line), "program": program.name}
        for program in (*running.stores, *running.workers)
        for line in program.text.splitlines()
        # The last line may be half written.
        if line.startswith("{") and line.endswith("}")
    ]


def is_failure(line: Line) -> bool:
    """Tell whether a line says that something failed."""
    return line["level"] in ("error", "critical") or line.get("status", 0) >= 500


def count_reasons(lines: Sequence[Line]) -> Counter[str]:
    """Count the failures by what the database said."""
    reasons = (_REASON.search(line.get("exception", "")) for line in lines)
    return Counter(found[1] for found in reasons if found)


def find_unexplained(lines: Sequence[Line]) -> Iterator[str]:
    """Yield what no failure of the database explains.

    Each page with a 5xx has one line with a traceback, under the same number, and each line about a
    failure names an error of the database.
    """
    told = Counter(line.get("request_id") for line in lines if _is_told(line))
    for line in lines:
        number = line.get("request_id")
        is_page = line.get("status", 0) >= 500 and line["path"] != "/health/ready"
        if is_page and told[number] != 1:
            yield f"{told[number]} lines tell why {line['path']} was a {line['status']}: {number}."
        if line["level"] in ("error", "critical") and not _is_told(line):
            yield f"{line['program']} failed at something else: {json.dumps(line)}"


def _is_told(line: Line) -> bool:
    return line["level"] == "error" and bool(_KNOWN.search(line.get("exception", "")))
