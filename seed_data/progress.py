"""Show how far a load has come: a bar on a terminal, a line now and then elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Takes what is being made, how many of it there are by now, and how many there will be.
Tell = Callable[[str, int, int], None]


@contextmanager
def shown_progress() -> Iterator[Tell]:
    """Give what shows the progress until the block ends."""
    if not sys.stdout.isatty():
        yield _print_tenths()
        return
    from rich.progress import Progress

    with Progress() as bars:
        tasks = {}

        def tell(what: str, done: int, whole: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=whole)
            bars.update(tasks[what], completed=done)

        yield tell


def _print_tenths() -> Tell:
    printed: dict[str, int] = {}

    def tell(what: str, done: int, whole: int) -> None:
        tenth = 10 * done // whole
        if tenth > printed.get(what, 0):
            printed[what] = tenth
            print(f"{what}: {done:,} of {whole:,}", flush=True)  # noqa: T201

    return tell
