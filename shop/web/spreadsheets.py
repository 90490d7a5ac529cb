"""Files that staff open with a spreadsheet.

They are CSV in UTF-8 and begin with a byte order mark: without it Excel takes them for the
computer's old code page, while other programs pass over it.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from shop.domain.spreadsheet import to_cell


def write_csv(header: Sequence[str], chunks: Iterable[Sequence[Sequence[Any]]]) -> Iterator[str]:
    """Yield the file piece by piece, one for each chunk of rows."""
    yield f"\ufeff{','.join(header)}\r\n"
    for rows in chunks:
        piece = io.StringIO()
        csv.writer(piece).writerows(map(to_cell, row) for row in rows)
        yield piece.getvalue()
