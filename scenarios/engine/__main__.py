"""Run the `cartwreck` command as `python -m scenarios.engine`."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  An older Python can run this file and no other.
    found = ".".join(str(number) for number in sys.version_info[:3])
    sys.exit("cartwreck: it needs Python 3.11 or later, and this one is " + found + ".")

from scenarios.engine.cli import main

main()
