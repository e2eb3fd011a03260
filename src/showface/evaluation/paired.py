"""Whether two methods differ on the same pictures: the interval of their difference, picture by picture.

Pictures differ far more from each other than methods do, so the intervals of two means overlap long before the methods
are alike. All methods are measured on the same pairs; the mean of their differences is judged by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from showface.evaluation.measures import MEASURES
from showface.evaluation.runner import Measurement
from showface.evaluation.tables import bootstrap

Place = tuple[str, str]
"""Face and mask."""


def level_with_best(measurements: Sequence[Measurement], metric: str, bucket: str, *, seed: int = 0) -> set[str]:
    """The methods whose mean difference to the best has a 95 % bootstrap interval that holds 0; never the best itself.

    Only pictures on which `metric` is defined for both are compared. Nobody is level where fewer than two are measured.
    """
    values = values_by_pair(measurements, metric, bucket)
    if len(values) < 2:
        return set()
    sign = 1 if MEASURES[metric].higher else -1
    best = max(values, key=lambda method: sign * sum(values[method].values()) / len(values[method]))
    level = set()
    for method, own in values.items():
        differences = [own[place] - values[best][place] for place in own.keys() & values[best].keys()]
        if method == best or not differences:
            continue
        cell = bootstrap(sorted(differences), seed=seed)
        if cell.low is not None and cell.high is not None and cell.low <= 0 <= cell.high:
            level.add(method)
    return level


def values_by_pair(measurements: Sequence[Measurement], metric: str, bucket: str) -> dict[str, dict[Place, float]]:
    """The defined values of each method in a bucket by pair; methods without any are left out."""
    found: dict[str, dict[Place, float]] = {}
    for one in measurements:
        value = one.values.get(metric, math.nan)
        if one.bucket == bucket and math.isfinite(value):
            found.setdefault(one.method, {})[one.face, one.mask] = value
    return found
