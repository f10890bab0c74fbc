"""The few statistics that the benchmarks use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: the smallest value that so many percent do not exceed.

    It is always a value that was measured; nothing is interpolated.

    Raises:
        ValueError: no values, or `percent` not above 0 and up to 100.
    """
    if not values:
        raise ValueError("a percentile of no values")
    if not 0 < percent <= 100:
        raise ValueError(f"percent must be above 0 and up to 100, not {percent}")
    rank = math.ceil(percent / 100 * len(values))
    return sorted(values)[rank - 1]


def median_ratio(peer: Sequence[float], ours: Sequence[float]) -> float:
    """The median of peer/ours, round by round: what disturbs one round disturbs both sides of it.

    Raises:
        ValueError: no rounds, or not as many on one side as on the other.
    """
    if not ours:
        raise ValueError("a ratio of no rounds")
    return median(theirs / mine for theirs, mine in zip(peer, ours, strict=True))
