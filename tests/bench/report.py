"""What the bench found, as tables for people and as JSON for programs."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.growth import Growth
from tests.bench.rounds import BARE, BY_HAND, STORE, Result

# What the store promises to reach of the same by hand.
LEAST = {"catalog page": 0.6, "checkout to placed": 0.3}


def is_kept(result: Result) -> bool:
    """Tell whether the store reaches what it promises."""
    return median(result.ratios(BY_HAND)) >= LEAST.get(result.name, 0)


def show_results(console: Console, title: str, results: Sequence[Result]) -> None:
    """Print a line for each page and number of visitors."""
    table = Table(title=title, caption="answers a second; medians of rounds taken in turn")
    for heading in ("", "visitors", STORE, BY_HAND, BARE, "of by hand", "lowest to highest", ""):
        table.add_column(heading, justify="left" if heading == "" else "right")
    for each in results:
        ratios = each.ratios(BY_HAND)
        rates = [f"{each.rate(variant):,.0f}" for variant in (STORE, BY_HAND, BARE)]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        verdict = f"{LEAST[each.name]} {_say(is_kept(each))}" if each.name in LEAST else ""
        ratio = f"{median(ratios):.2f}"
        table.add_row(each.name, str(each.visitors), *rates, ratio, spread, verdict)
    console.print(table)


def show_growth(console: Console, scales: Sequence[str], pages: Sequence[Growth]) -> None:
    """Print a line for each page."""
    caption = "milliseconds, page cache off; statements the same in every store unless said"
    table = Table(title="Growth with the number of orders", caption=caption)
    for heading in ("", *scales, "growth", "statements", ""):
        table.add_column(heading, justify="left" if heading == "" else "right")
    for each in pages:
        times = [f"{value:.1f}" for value in each.milliseconds]
        counts = " ".join(map(str, sorted(set(each.statements))))
        table.add_row(each.page, *times, f"{each.factor:.2f}", counts, _say(each.is_kept))
    console.print(table)


def as_json(results: Sequence[tuple[str, Result]], growth: Sequence[Growth]) -> dict[str, Any]:
    """Return everything that was measured."""
    compared = [
        {
            "database": database,
            "page": each.name,
            "visitors": each.visitors,
            "answers_a_second": each.rates,
            "ratio": median(each.ratios(BY_HAND)),
        }
        for database, each in results
    ]
    grown = [
        {"page": g.page, "milliseconds": [*g.milliseconds], "statements": [*g.statements]}
        for g in growth
    ]
    return {"compared": compared, "growth": grown}


def _say(kept: bool) -> str:
    return "kept" if kept else "[bold]missed[/bold]"
