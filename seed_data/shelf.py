"""The stock of made-up goods: promised, shipped, returned and bought in again when it is short."""

from collections import defaultdict
from collections.abc import Iterator

from seed_data.bulk import Row
from seed_data.chance import DAY, write_moment

_MOST_PER_LINE = 6


class Shelf:
    """Units of each product, which is known by its place among the goods.

    `ledger` gets the movements in the order of time: those of a day when the day is over.
    """

    def __init__(self, first_id: int, ledger: list[Row]) -> None:
        """Begin with nothing; `first_id` is the id of the first product."""
        self._first_id = first_id
        self._ledger = ledger
        self._on_hand: list[int] = []
        self._allocated: list[int] = []
        self._batches: list[int] = []
        self._due: dict[int, list[tuple[int, int, int, str]]] = defaultdict(list)

    def stock(self, units: int, batch: int, at: str) -> None:
        """Put the first units of one more product here, and say how many come when it is short."""
        self._ledger.append((self._first_id + len(self._on_hand), units, "received", "", at))
        self._on_hand.append(units)
        self._allocated.append(0)
        self._batches.append(max(batch, _MOST_PER_LINE))

    def allocate(self, good: int, units: int, moment: int) -> None:
        """Promise units to an order; a batch comes in first when too few are left."""
        if self._on_hand[good] - self._allocated[good] < units:
            batch = self._batches[good]
            self._on_hand[good] += batch
            self._due[moment // DAY].append((moment, good, batch, "received"))
        self._allocated[good] += units

    def release(self, good: int, units: int) -> None:
        """Take a promise back."""
        self._allocated[good] -= units

    def ship(self, good: int, units: int, moment: int) -> None:
        """Let promised units go, later."""
        self._due[moment // DAY].append((moment, good, -units, "shipped"))

    def take_back(self, good: int, units: int, moment: int) -> None:
        """Let units come back, later."""
        self._due[moment // DAY].append((moment, good, units, "returned"))

    def end_day(self, day: int) -> None:
        """Write down what moved on a day."""
        for moment, good, delta, reason in sorted(self._due.pop(day, ())):
            if reason != "received":
                self._on_hand[good] += delta
            if reason == "shipped":
                self._allocated[good] += delta
            at = write_moment(moment)
            self._ledger.append((self._first_id + good, delta, reason, "", at))

    def rows(self) -> Iterator[Row]:
        """Yield the product, its units on hand and those that are promised, for each product."""
        for nth, units in enumerate(self._on_hand):
            yield self._first_id + nth, units, self._allocated[nth]
