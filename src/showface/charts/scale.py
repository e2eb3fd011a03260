"""Round numbers along an axis."""

from __future__ import annotations

import math


def ticks(low: int | float, high: int | float) -> list[float]:
    """Two to five round numbers from `low` to `high`."""
    unit = 10.0 ** math.floor(math.log10(high - low))
    for step in (unit, unit / 2, unit / 5, unit / 10):
        first, last = math.ceil(low / step), math.floor(high / step)
        if last - first >= 1:
            every = -(-(last - first + 1) // 5)
            return [number * step for number in range(first, last + 1, every)]
    return [low, high]


def log_ticks(low: int | float, high: int | float) -> list[float]:
    """Powers of ten from `low` to `high`, both above 0, at most five; or also twice and five times those."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first >= 1:
        every = -(-(last - first + 1) // 5)
        return [10.0**power for power in range(first, last + 1, every)]
    finer = [digit * 10.0**power for power in range(first - 1, last + 1) for digit in (1, 2, 5)]
    return [value for value in finer if low <= value <= high] or [low, high]
