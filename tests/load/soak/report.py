"""What a run came to: for people in the terminal, for programs as JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from tests.load.soak.briefing import Requests
from tests.load.soak.memory import Curve
from tests.load.soak.record import Record
from tests.load.soak.rules import Finding

# What a terminal shows of what is wrong; the JSON has all of it.
_MOST_SENTENCES, _LONGEST_SENTENCE = 5, 300


@dataclass(frozen=True)
class Report:
    """A run in numbers; `memory` has the megabytes of each process by the minute.

    `growth`, `failures` and `trouble` are sentences, each of which makes the run fail, as does a
    finding with a violation.
    """

    seconds: float
    settled_in: float
    requests: Sequence[Requests]
    refusals: Mapping[str, int]
    orders: Mapping[str, int]
    world: Mapping[str, int]
    memory: Mapping[str, Sequence[float]]
    growth: Sequence[str]
    glances: int
    findings: Sequence[Finding]
    failures: Sequence[str]
    trouble: Sequence[str]

    @property
    def violations(self) -> list[str]:
        """Return every sentence that makes the run fail."""
        broken = [f"{found.name}: {each}" for found in self.findings for each in found.violations]
        return [*self.failures, *broken, *self.growth, *self.trouble]

    def to_json(self) -> str:
        """Write it for programs."""
        verdict = {"is_sound": not self.violations, "violations": self.violations}
        return json.dumps({**verdict, **asdict(self)}, indent=2)

    def __str__(self) -> str:
        """Write it for people."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"REQUESTS in {self.seconds:.0f} s{'':>17}count  failed  median ms  p95 ms"
        for each in self.requests:
            times = f"{each.median:>10}{each.p95:>8}"
            yield f"  {each.what:<32}{each.count:>6}{each.failures:>8}{times}"
        yield from _count("REFUSED on purpose", self.refusals)
        yield from _count(f"ORDERS, settled {self.settled_in:.0f} s later", self.orders)
        yield from _count("THE WORLD OUTSIDE", self.world)
        yield from self._memory_lines()
        yield "RULES                                                          rows  broken"
        for found in self.findings:
            yield f"  {found.name:<58}{found.rows:>7}{len(found.violations):>8}"
        yield f"  The store's own were also held at {self.glances} moments under way."
        yield from self._verdict_lines()

    def _memory_lines(self) -> Iterator[str]:
        how = "judged" if Curve.is_judged(self.seconds) else "too short to be judged"
        yield f"MEMORY in MB, median of each minute, {how}"
        for name, minutes in self.memory.items():
            yield f"  {name:<12}" + "".join(f"{each:>8.1f}" for each in minutes)

    def _verdict_lines(self) -> Iterator[str]:
        groups = {
            "FAILED": self.failures,
            "GROWN": self.growth,
            "TROUBLE IN THE LOGS": self.trouble,
        }
        groups |= {f"BROKEN: {each.name}": each.violations for each in self.findings}
        for title, sentences in groups.items():
            if sentences:
                yield f"{title} ({len(sentences)})"
                shown = sentences[:_MOST_SENTENCES]
                yield from (f"  {each[:_LONGEST_SENTENCE]}" for each in shown)
        wrong = len(self.violations)
        told = f"NOT SOUND: {wrong} violation{'s' if wrong > 1 else ''}."
        yield told if wrong else "SOUND: every rule holds."


def _count(title: str, counts: Mapping[str, int]) -> Iterator[str]:
    yield title
    yield from (f"  {count:>6}  {what}" for what, count in sorted(counts.items()))


def count_orders(record: Record) -> dict[str, int]:
    """Count what became of the orders."""
    orders = record.store.orders
    return {
        "placed": len(orders),
        "paid at some time": sum(o.payment_status in ("paid", "refunded") for o in orders),
        "delivered": sum(o.status == "completed" for o in orders),
        "canceled": sum(o.status == "canceled" for o in orders),
        "declined": sum(o.payment_status == "declined" for o in orders),
        "refunded in whole or part": sum(bool(o.refunded_amount) for o in orders),
        "with a coupon": sum(bool(o.coupon_code) for o in orders),
        "with a gift card": sum(bool(o.gift_card_amount) for o in orders),
        "of goods with a limit": sum(any(line.limit_window for line in o.lines) for o in orders),
        "express": sum(o.shipping_method == "express" for o in orders),
    }
