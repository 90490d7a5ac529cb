"""How much memory each process takes during a run, and whether it stays at that.

A process grows in its first minute, while it meets every page for the first time. What it takes in
its second minute is what it needs. The last third of the run may be above that by a twentieth or
4 MB, whichever is more; a run that has no second minute is measured and not judged.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import psutil

SECONDS_BETWEEN = 3.0
_MEGABYTE = 1_000_000
_MINUTE = 60.0
_SHARE, _MOST = 0.05, 4.0
_FEWEST = 3


@dataclass
class Curve:
    """The resident memory of one process: moments in seconds from the start, megabytes."""

    name: str
    samples: list[tuple[float, float]] = field(default_factory=list)

    @property
    def minutes(self) -> list[float]:
        """Return the median of each minute that has begun."""
        last = int(max((at for at, _ in self.samples), default=-1) // _MINUTE)
        return [
            round(median(found), 1)
            for nth in range(last + 1)
            if (found := self._between(nth * _MINUTE, (nth + 1) * _MINUTE))
        ]

    def judge(self, seconds: float) -> Iterator[str]:
        """Yield a sentence when it has grown over a run of so many seconds."""
        second = self._between(_MINUTE, 2 * _MINUTE)
        late = self._between(seconds * 2 / 3, seconds)
        if not self.samples:
            yield f"The memory of {self.name} was never measured."
        if not self.is_judged(seconds):
            return
        if min(len(second), len(late)) < _FEWEST:
            yield f"The memory of {self.name} was measured too rarely to judge it."
            return
        before, after = median(second), median(late)
        if after > before + max(_SHARE * before, _MOST):
            yield f"{self.name} grew from {before:.1f} MB to {after:.1f} MB."

    @staticmethod
    def is_judged(seconds: float) -> bool:
        """Tell whether a run of so many seconds is long enough to say something."""
        return seconds >= 2 * _MINUTE

    def _between(self, start: float, end: float) -> list[float]:
        return [megabytes for at, megabytes in self.samples if start <= at < end]


def watch_memory(
    processes: Mapping[str, int], is_over: threading.Event, every: float = SECONDS_BETWEEN
) -> Sequence[Curve]:
    """Measure processes, given by name and id, until it is over."""
    found = [(Curve(name), psutil.Process(pid)) for name, pid in processes.items()]
    started = time.monotonic()
    while True:
        at = time.monotonic() - started
        for curve, process in found:
            curve.samples.append((at, process.memory_info().rss / _MEGABYTE))
        if is_over.wait(every):
            return [curve for curve, _ in found]
