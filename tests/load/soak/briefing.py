"""What the visitors' process is told before it starts, and what it hands back at its end.

Both are a file of JSON, since the two processes share no memory. Nothing here knows a database.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

VARIABLE = "SOAK_BRIEFING"


@dataclass(frozen=True)
class Briefing:
    """Where the stores answer, what is worth buying there, and who has an account.

    `customers` have an email and a password each, `partners` a token; `plenty` and `scarce` are
    slugs of products, `restocked` are the SKUs that staff count.
    """

    urls: Sequence[str]
    seed: int
    shoppers: int
    plenty: Sequence[str]
    scarce: Sequence[str]
    limited: str
    restocked: Sequence[str]
    coupons: Sequence[str]
    gift_cards: Sequence[str]
    customers: Sequence[tuple[str, str]]
    staff: tuple[str, str]
    partners: Sequence[str]
    outcome: str

    @property
    def crew(self) -> dict[str, int]:
        """Return how many visitors there are of each kind; at least one of all."""
        staff = partners = max(1, self.shoppers // 8)
        customers = max(1, self.shoppers // 4)
        guests = self.shoppers - staff - partners - customers
        return {"guest": guests, "customer": customers, "staff": staff, "partner": partners}


@dataclass(frozen=True)
class Requests:
    """One kind of request: how many there were, and how long they took in milliseconds."""

    what: str
    count: int
    failures: int
    median: int
    p95: int


@dataclass(frozen=True)
class Outcome:
    """What the visitors saw: `numbers` are those of the orders that they were shown.

    `refusals` counts what the store refused on purpose, by kind. `failures` are sentences.
    """

    requests: Sequence[Requests] = ()
    refusals: dict[str, int] = field(default_factory=dict)
    numbers: Sequence[str] = ()
    failures: Sequence[str] = ()


def write(file: Path, what: Briefing | Outcome) -> None:
    """Write a briefing or an outcome."""
    file.write_text(json.dumps(asdict(what)), encoding="utf-8")


def read_briefing(file: Path) -> Briefing:
    """Read what `write` has written."""
    return Briefing(**json.loads(file.read_text("utf-8")))


def read_outcome(file: Path) -> Outcome:
    """Read what the visitors have written."""
    found = json.loads(file.read_text("utf-8"))
    found["requests"] = [Requests(**each) for each in found["requests"]]
    return Outcome(**found)
