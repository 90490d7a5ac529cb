"""How a cost grows with the number of rows: counted at n, 2n and 4n, so that no clock is asked."""

from collections.abc import Callable, Sequence
from math import inf

from scenarios.kit.outcomes import FaultShown

SIZES = (5, 10, 20)
Measure = Callable[[int], float]


def growth_ratio(measure: Measure, sizes: Sequence[int] = SIZES) -> float:
    """Return the cost at the last size over that at the first.

    From n to 4n a constant cost has the ratio 1, a linear one 4 and a quadratic one 16.

    :param measure: brings the store to a size, which is larger with each call, and returns a cost.
    """
    costs = [measure(size) for size in sizes]
    return costs[-1] / costs[0] if costs[0] else (inf if costs[-1] else 1.0)


def assert_constant(measure: Measure, sizes: Sequence[int] = SIZES, what: str = "cost") -> None:
    """Assert that the cost is the same at all sizes.

    :raises FaultShown: with the costs, when it is not.
    """
    costs = {size: measure(size) for size in sizes}
    if len(set(costs.values())) > 1:
        said = ", ".join(f"{cost:g} at {size}" for size, cost in costs.items())
        raise FaultShown(f"The {what} should be the same for any number of rows; it was {said}.")
