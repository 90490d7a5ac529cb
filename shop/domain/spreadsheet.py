"""What a cell of a file may hold that people open with a spreadsheet.

A spreadsheet takes a text that starts with one of `=+-@`, also in their full-width forms and behind
blanks or quotes, for a formula, and runs it. With an apostrophe before it, it stays a text.
"""

import re
from datetime import datetime
from decimal import Decimal

_FORMULA = re.compile(r"""[\s"'\u200b\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]""")


def to_cell(value: str | int | datetime) -> str:
    """Return a text that is safe to open, an amount in minor units as 12.30, or a moment in UTC."""
    if isinstance(value, int):
        return f"{Decimal(value).scaleb(-2):.2f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return f"'{value}" if _FORMULA.match(value) else value
