"""Measure the store beside the same by hand, and while it grows.

    python -m tests.bench [compare] [growth] [--database URL] [--rounds 7] [--seconds 1]

Each figure stands beside another of the same run; see docs/bench.md.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console

from tests.bench.by_hand import CATALOG, HISTORY, PRODUCT
from tests.bench.carts import Carts
from tests.bench.chart import draw_growth
from tests.bench.growth import SCALES, Growth, make_large_store, measure_growth
from tests.bench.pages import CUSTOMER, Visitors
from tests.bench.report import as_json, is_kept, show_growth, show_results
from tests.bench.rounds import Result, compete, list_contests
from tests.bench.server import without_log
from tests.bench.serving import running_server
from tests.bench.visitors import Ask
from tests.load.command_line import database_option
from tests.load.database import empty_database

PARTS = ("compare", "growth")
VISITORS = (1, 16)
# So many large stores take a few minutes to make, and 2.5 GB.
_COUNT = click.IntRange(min=1)


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(PARTS))
@database_option
@click.option("--rounds", default=7, type=_COUNT, show_default=True, help="of each comparison")
@click.option("--seconds", default=1.0, type=click.FloatRange(min=0.1), show_default=True)
@click.option("--looks", default=25, type=_COUNT, show_default=True, help="at each page that grows")
@click.option("--scale", "scales", multiple=True, type=click.Choice(SCALES), help="not all four")
@click.option("--json", "target", type=click.Path(path_type=Path), help="all that was measured")
@click.option("--chart", type=click.Path(path_type=Path), help="the picture of growth, as SVG")
def main(
    parts: Sequence[str],
    database: str | None,
    rounds: int,
    seconds: float,
    looks: int,
    scales: Sequence[str],
    target: Path | None,
    chart: Path | None,
) -> None:
    """Print what the store costs; PARTS is compare, growth or, without any, both."""
    console, wanted = Console(width=None if sys.stdout.isatty() else 120), parts or PARTS
    results: list[tuple[str, Result]] = []
    growth: list[Growth] = []
    sizes = [scale for scale in SCALES if scale in (scales or SCALES)]
    if "compare" in wanted:
        for server, name in ((None, "SQLite"), (database, "PostgreSQL")):
            if server or name == "SQLite":
                found = list(_compare(server, rounds, seconds))
                show_results(console, f"Beside the same by hand, on {name}", found)
                results += [(name, each) for each in found]
    if "growth" in wanted:
        with _folder() as folder:
            urls = {scale: f"sqlite:///{folder / scale}.sqlite3" for scale in sizes}
            stores = {scale: make_large_store(url, scale) for scale, url in urls.items()}
            with without_log():
                growth = measure_growth(stores, looks)
        show_growth(console, sizes, growth)
    if target:
        target.write_text(json.dumps(as_json(results, growth), indent=1), "utf-8")
    if chart and growth:
        chart.write_text(draw_growth(sizes, growth), "utf-8")
    if not all([*(is_kept(each) for _, each in results), *(each.is_kept for each in growth)]):
        sys.exit(1)


def _compare(server: str | None, rounds: int, seconds: float) -> Iterator[Result]:
    with _folder() as folder, empty_database(server, folder) as url:
        store = make_large_store(url, min(SCALES, key=SCALES.__getitem__))
        with running_server(url) as port:
            visitors = Visitors(store)
            cookie = visitors.cookie_of(CUSTOMER)
            pages = {
                CATALOG: (Ask(visitors.pages["catalog"].address), Ask("/by-hand/catalog")),
                PRODUCT: (Ask(visitors.pages["product"].address), Ask("/by-hand/product")),
                HISTORY: (
                    Ask(visitors.pages["order history"].address, cookie),
                    Ask("/by-hand/orders"),
                ),
            }
            for contest in list_contests(pages, Carts(store)):
                for number in VISITORS:
                    yield compete(port, contest, number, rounds, seconds)
        visitors.engine.dispose()


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="cartwreck-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
