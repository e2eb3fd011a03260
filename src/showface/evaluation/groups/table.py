"""The same measurements told apart by what the pictures show: one mean for each group of each trait.

Each face meets masks of its own, and some faces are easier than others whatever the method. So every group also has its
difference to all other faces of the trait at the same share hidden, with a standard error, and the gain of one method
over another on the very same pairs is tabulated like a method.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from showface.evaluation.comparison import by_place
from showface.evaluation.groups.traits import TRAITS, Traits
from showface.evaluation.measuring.measures import MEASURES
from showface.evaluation.measuring.runner import Measurement
from showface.evaluation.report.files import write_files
from showface.evaluation.report.gallery import ordering_method
from showface.evaluation.report.tables import DIGITS, HEADINGS, Cell, bootstrap, title_of

SHARE = "share"  # the share hidden, told beside the metrics in the CSV: groups may have met larger holes
FEW = 10  # faces below which a group's figures are told but say little


@dataclass(frozen=True)
class GroupCell:
    """One metric of one method in one bucket over the faces of a group.

    `difference` is what it has more than all other faces of the trait at the same share hidden, `error` the standard
    error of that; None where either has fewer than two faces.
    """

    method: str
    bucket: str
    trait: str
    group: str
    metric: str  # or `SHARE`
    cell: Cell
    difference: float | None
    error: float | None


def tabulate_groups(
    measurements: Sequence[Measurement], traits: Mapping[str, Traits], *, seed: int = 0
) -> list[GroupCell]:
    """A cell for every method, bucket, trait, group that has faces, and metric. Values that are NaN are left out."""
    found = []
    for (method, bucket), measured in by_place(measurements).items():
        for trait, groups in TRAITS.items():
            told = [(traits[one.face][trait], one) for one in measured if trait in traits.get(one.face, {})]
            for group in groups:
                inside = [one for name, one in told if name == group]
                outside = [one for name, one in told if name != group]
                for metric in (SHARE, *measured[0].values) if inside else ():
                    values, others = _values(inside, metric), _values(outside, metric)
                    cell = bootstrap([value for value, _ in values], seed=seed)
                    apart = (None, None) if metric == SHARE else difference(values, others)
                    found.append(GroupCell(method, bucket, trait, group, metric, cell, *apart))
    return found


Valued = tuple[float, float]
"""The value of a metric, and the share hidden under which it was measured."""


def _values(measured: Sequence[Measurement], metric: str) -> list[Valued]:
    rows = [(one.share if metric == SHARE else one.values.get(metric, math.nan), one.share) for one in measured]
    return [row for row in rows if not math.isnan(row[0])]


def difference(values: Sequence[Valued], others: Sequence[Valued]) -> tuple[float | None, float | None]:
    """How much higher `values` are than `others` at the same share hidden, and the standard error of that.

    Least squares on the group and the logarithm of the share; the error allows for unequal spread (HC2), so that with
    equal shares it is Welch's. None for both where either has fewer than two, or too few are left to tell.
    """
    if min(len(values), len(others)) < 2:
        return None, None
    target, share = np.array([*values, *others]).T
    group = np.arange(len(target)) < len(values)
    known = np.stack((np.ones_like(target), group, np.log(share) - np.log(share).mean()), axis=1)
    if math.isclose(share.min(), share.max()):
        known = known[:, :2]
    if np.linalg.matrix_rank(known) < known.shape[1]:
        return None, None
    bread = np.linalg.inv(known.T @ known)
    fitted = bread @ known.T @ target
    left = 1 - np.einsum("ij,jk,ik->i", known, bread, known)  # 1 - leverage
    if left.min() < 1e-9:
        return None, None
    weights = (target - known @ fitted) ** 2 / left
    return float(fitted[1]), math.sqrt((bread @ (known.T * weights) @ known @ bread)[1, 1])


def gains(measurements: Sequence[Measurement], method: str, over: str) -> list[Measurement]:
    """What `method` is better or worse by than `over` on each pair, as measurements of a method of its own."""
    base = {(one.bucket, one.face, one.mask): one for one in measurements if one.method == over}
    found = []
    for one in measurements:
        if one.method == method and (reference := base.get((one.bucket, one.face, one.mask))) is not None:
            values = {name: value - reference.values.get(name, math.nan) for name, value in one.values.items()}
            found.append(replace(one, method=f"{method} − {over}", values=values))
    return found


# ---------------------------------------------------------------------------------------------- files


def write_groups(out: Path, measurements: Sequence[Measurement], traits: Mapping[str, Traits], *, seed: int = 0) -> str:
    """groups.md, groups.csv and traits.csv in `out`; returns the Markdown.

    The Markdown tells of our method, and of its gain over the first method; the CSV of all of them.
    """
    methods = list(dict.fromkeys(one.method for one in measurements))
    shown = ordering_method(methods)
    more = gains(measurements, shown, methods[0]) if methods[0] != shown else []
    cells = tabulate_groups([*measurements, *more], traits, seed=seed)
    text = "\n".join(as_markdown(cells, name) for name in dict.fromkeys((shown, *(one.method for one in more))))
    write_files(out, {"groups.md": text, "groups.csv": as_csv(cells), "traits.csv": traits_as_csv(traits)})
    return text


def as_markdown(cells: Sequence[GroupCell], method: str) -> str:
    """A table for each metric: groups down, buckets across; mean (interval), difference ± standard error."""
    own = {(one.metric, one.trait, one.group, one.bucket): one for one in cells if one.method == method}
    buckets = list(dict.fromkeys(bucket for *_, bucket in own))
    groups = [(trait, group) for trait, names in TRAITS.items() for group in names]
    parts = []
    for metric in (name for name in MEASURES if any(key[0] == name for key in own)):
        across = " | ".join(f"{title_of(bucket)} | to the others" for bucket in buckets)
        lines = [f"| {method}: {HEADINGS[metric]} | faces | {across} |", "|---|" + "---:|" * (1 + 2 * len(buckets))]
        for trait, group in groups:
            row = [own.get((metric, trait, group, bucket)) for bucket in buckets]
            if any(row):
                count = max(one.cell.count for one in row if one is not None)
                words = " | ".join(_words(one, DIGITS[metric]) for one in row)
                lines.append(f"| {_title(trait, group)}{' (few)' if count < FEW else ''} | {count} | {words} |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _title(trait: str, group: str) -> str:
    return f"{trait}: {group}" if trait == next(iter(TRAITS)) else group


def _words(one: GroupCell | None, digits: int) -> str:
    if one is None or one.cell.low is None or one.cell.high is None:
        return "– | –"
    mean = f"{one.cell.mean:.{digits}f} ({one.cell.low:.{digits}f}–{one.cell.high:.{digits}f})"
    if one.difference is None:
        return f"{mean} | –"
    return f"{mean} | {one.difference:+.{digits}f} ± {one.error:.{digits}f}"


def as_csv(cells: Sequence[GroupCell]) -> str:
    """One line per cell; `share` is the share hidden."""
    header = ("method", "bucket", "trait", "group", "metric", "count", "mean", "low", "high", "difference", "error")
    rows = [
        (one.method, one.bucket, one.trait, one.group, one.metric, one.cell.count,
         *(_figure(v) for v in (one.cell.mean, one.cell.low, one.cell.high, one.difference, one.error)))
        for one in cells
    ]  # fmt: skip
    return _csv(header, rows)


def traits_as_csv(traits: Mapping[str, Traits]) -> str:
    """One line per face; empty where the picture does not tell."""
    return _csv(("face", *TRAITS), [(face, *(own.get(trait, "") for trait in TRAITS)) for face, own in traits.items()])


def _csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def _figure(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.6f}"
