"""The store against the same by hand and against a bare view: in turn, again and again.

The machine may be busy with other things, so no figure stands alone: each round measures all
variants within seconds of each other, and what counts is the median of the rounds' ratios.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.bench.carts import Carts
from tests.bench.visitors import Ask, Source, measure_rate

STORE, BY_HAND, BARE = "store", "by hand", "bare view"
# More than any variant orders in a second of a round.
_CARTS_A_SECOND = 700


@dataclass(frozen=True, slots=True)
class Contest:
    """What is compared: how to make the source of requests of each variant, by its name."""

    name: str
    sources: dict[str, Callable[[], Source]]


@dataclass(slots=True)
class Result:
    """What one contest came to with so many visitors: answers a second, round by round."""

    name: str
    visitors: int
    rates: dict[str, list[float]] = field(default_factory=dict)

    def rate(self, variant: str) -> float:
        """Return the median of a variant."""
        return median(self.rates[variant])

    def ratios(self, other: str) -> list[float]:
        """Return what the store reaches of another variant, in each round."""
        pairs = zip(self.rates[STORE], self.rates[other], strict=True)
        return [own / theirs for own, theirs in pairs]


def list_contests(pages: dict[str, tuple[Ask, Ask]], carts: Carts) -> list[Contest]:
    """Return all that is compared; `pages` are the store's requests and those by hand."""
    contests = [
        Contest(name, {STORE: _always(own), BY_HAND: _always(hand), BARE: _always(Ask("/bare"))})
        for name, (own, hand) in pages.items()
    ]
    # A checkout leaves its jobs undone, and a purchase runs all that are due: so it comes first.
    for name, path in (("purchase to paid", "purchase"), ("checkout to placed", "checkout")):
        own, hand = (_checkout(carts, f"{at}/{path}") for at in ("", "/by-hand"))
        contests.append(Contest(name, {STORE: own, BY_HAND: hand, BARE: _always(Ask("/bare"))}))
    return contests


def compete(port: int, contest: Contest, visitors: int, rounds: int, seconds: float) -> Result:
    """Measure all variants of a contest, in another order in each round."""
    result = Result(contest.name, visitors, {variant: [] for variant in contest.sources})
    order: Sequence[str] = list(contest.sources)
    for variant in order:
        measure_rate(port, visitors, seconds / 4, contest.sources[variant]())
    for _ in range(rounds):
        for variant in order:
            rate = measure_rate(port, visitors, seconds, contest.sources[variant]())
            result.rates[variant].append(rate)
        order = [*order[1:], order[0]]
    return result


def _always(ask: Ask) -> Callable[[], Source]:
    return lambda: lambda: ask


def _checkout(carts: Carts, path: str) -> Callable[[], Source]:
    def start() -> Source:
        carts.fill(_CARTS_A_SECOND)
        return lambda: carts.next_ask(path)

    return start
