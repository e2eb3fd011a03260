"""Whether two methods differ on the same pictures: the interval of their difference, picture by picture.

Pictures differ far more from each other than methods do, so the intervals of two means overlap long before the methods
are alike. All methods are measured on the same pairs; the mean of their differences is judged by itself.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from showface.evaluation.measuring.measures import MEASURES
from showface.evaluation.measuring.runner import Measurement
from showface.evaluation.report.tables import DIGITS, HEADINGS, bootstrap, title_of

Place = tuple[str, str]
"""Face and mask."""


@dataclass(frozen=True)
class Difference:
    """How a method differs from another on the pictures that were measured with both."""

    mean: float  # over pictures, in the metric's unit
    standard_error: float  # of that mean; NaN for a single picture


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


def differences(measurements: Sequence[Measurement], metric: str, bucket: str, against: str) -> dict[str, Difference]:
    """How every other method differs from the method `against` in a bucket; empty if that one was not measured."""
    values = values_by_pair(measurements, metric, bucket)
    base = values.pop(against, {})
    found = {}
    for method, own in values.items():
        steps = [own[place] - base[place] for place in own.keys() & base.keys()]
        if steps:
            error = statistics.stdev(steps) / math.sqrt(len(steps)) if len(steps) > 1 else math.nan
            found[method] = Difference(math.fsum(steps) / len(steps), error)
    return found


def differences_as_markdown(measurements: Sequence[Measurement], against: str) -> str:
    """A line for every method, metric and bucket that can be compared with the method `against`, picture by picture."""
    buckets = list(dict.fromkeys(one.bucket for one in measurements))
    methods = list(dict.fromkeys(one.method for one in measurements if one.method != against))
    metrics = [name for name in MEASURES if any(name in one.values for one in measurements)]
    found = {
        (metric, bucket): differences(measurements, metric, bucket, against) for metric in metrics for bucket in buckets
    }
    head = [f"minus {against}", *(f"{HEADINGS[metric]} {title_of(bucket)}" for metric, bucket in found)]
    lines = [head, ["---", *["---:"] * len(found)]]
    for method in methods:
        lines.append([method, *(_told(row.get(method), DIGITS[metric]) for (metric, _), row in found.items())])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _told(difference: Difference | None, digits: int) -> str:
    """+0.031 ± 0.004, with a digit more than the metric's own, since differences are small."""
    if difference is None:
        return "–"
    error = "" if math.isnan(difference.standard_error) else f" ± {difference.standard_error:.{digits + 1}f}"
    return f"{difference.mean:+.{digits + 1}f}{error}"
