"""What a run with crashes came to, in words."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.load.books import Books
from tests.load.invariants import count_lost, count_stuck, count_twice
from tests.load.shopping import Receipt


@dataclass(frozen=True)
class Story:
    """The numbers of a run by what they count; without violations it is as it must be."""

    orders: int
    kills: Mapping[str, int]
    lost: int
    twice: int
    stuck: int
    numbers: Mapping[str, int]
    violations: Sequence[str]
    seconds: float

    @property
    def sorrows(self) -> str:
        """Return how many orders were lost, are there twice, and are stuck."""
        return f"{self.lost}/{self.twice}/{self.stuck}"

    def __str__(self) -> str:
        """List the numbers, then the violations."""
        lines = [f"{count:6} {what}" for what, count in self.numbers.items()]
        lines.append(f"Lost/twice/stuck: {self.sorrows}")
        broken = [f"VIOLATION {violation}" for violation in self.violations]
        verdict = "Not all is as it must be." if broken else "Nothing was lost or done twice."
        return "\n".join([*lines, *broken, f"{verdict} It took {self.seconds:.0f} s."])


def tell_story(
    books: Books,
    receipts: Sequence[Receipt],
    kills: Mapping[str, int],
    violations: Sequence[str],
    seconds: float,
    seen: Mapping[str, int] | None = None,
) -> Story:
    """Count what is worth knowing about a run, and add what was `seen` besides."""
    numbers = {
        **{f"times the {name} was killed": count for name, count in kills.items()},
        "orders placed": len(books.orders),
        "of them paid": len(books.paid),
        "answers to the checkout form that never came": sum(each.lost for each in receipts),
        "orders placed before their shopper pressed once more": _count_found(books, receipts),
        **Counter(f"times a shopper read {page}" for each in receipts for page in each.failures),
        "mails": len(books.mails),
        "mails delivered more than once": sum(n > 1 for n in books.mails.values()),
        **_count_jobs(books),
        **_count_calls(books),
        **(seen or {}),
    }
    return Story(
        len(books.orders),
        kills,
        count_lost(books, receipts),
        count_twice(books),
        count_stuck(books),
        numbers,
        violations,
        seconds,
    )


def _count_found(books: Books, receipts: Sequence[Receipt]) -> int:
    pressed_at = {receipt.number: receipt.pressed_at for receipt in receipts}
    return sum(
        order.number in pressed_at and order.placed_at < pressed_at[order.number]
        for order in books.orders
    )


def _count_jobs(books: Books) -> dict[str, int]:
    repeated = [job for job in books.jobs if job.attempts > 1]
    return {
        "jobs": len(books.jobs),
        "jobs that an outside failure made start again": sum(bool(j.last_error) for j in repeated),
        "jobs that started again since nobody had written their end": sum(
            not j.last_error for j in repeated
        ),
        "most runs of one job": max((job.attempts for job in books.jobs), default=0),
    }


def _count_calls(books: Books) -> dict[str, int]:
    outcomes = Counter(call["outcome"] for call in books.calls)
    tries = Counter(each["event_id"] for each in books.webhook_tries)
    failed = sum(each["status"] is None or each["status"] >= 300 for each in books.webhook_tries)
    return {
        "calls answered from memory, by their idempotency key": outcomes["replayed"],
        "answers of the provider that were lost on purpose": outcomes["response dropped"],
        "webhook events": len(tries),
        "webhook deliveries": sum(tries.values()),
        "webhook deliveries that failed": failed,
    }
