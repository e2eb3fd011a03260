"""The table of occluded faces: kinds, methods, measures; each figure a mean with its standard error over faces."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Float64

from showface.evaluation.measuring.feature_store import FeatureStore
from showface.evaluation.measuring.measures import KID_UNIT
from showface.evaluation.measuring.runner import Measurement
from showface.evaluation.occlusions.columns import COLUMNS, TRUTH
from showface.evaluation.occlusions.measures import NAMES
from showface.metrics.kid import kernel_distance_of_faces

FEWEST = 3  # faces of a set between which there is a kernel distance


@dataclass(frozen=True)
class Figure:
    """A mean, its standard error and the number of faces it is of; None where it is not defined."""

    mean: float | None
    error: float | None
    count: int


Table = dict[str, dict[str, dict[str, Figure]]]
"""Method, kind, measure."""


def tabulate_occlusions(measured: Sequence[Measurement], features: FeatureStore) -> Table:
    """The figures of every method and kind, in the order in which they were measured."""
    places: dict[tuple[str, str], list[Measurement]] = {}
    for one in measured:
        places.setdefault((one.method, one.bucket), []).append(one)
    table: Table = {}
    for (method, kind), rows in places.items():
        table.setdefault(method, {})[kind] = {name: _figure(name, rows, features) for name in COLUMNS}
    return table


def _figure(name: str, rows: Sequence[Measurement], features: FeatureStore) -> Figure:
    if name == "kid":
        return kid_figure(rows, features)
    if name == "sharpness":
        return ratio_figure(*([row.values[part] for row in rows] for part in ("gradient", "gradient_true")))
    return mean_figure([row.values[name] for row in rows])


def mean_figure(values: Iterable[float]) -> Figure:
    """The mean of those values that are defined, and its standard error."""
    known = np.array([value for value in values if not math.isnan(value)])
    if not len(known):
        return Figure(None, None, 0)
    return Figure(float(known.mean()), _standard_error(known), len(known))


def ratio_figure(parts: Sequence[float], wholes: Sequence[float]) -> Figure:
    """The ratio of two sums over faces, and its standard error (linearised).

    Unlike a mean of ratios it does not hang on the few faces whose whole is nearly 0.
    """
    part, whole = np.array(parts), np.array(wholes)
    if not whole.sum() > 0:
        return Figure(None, None, 0)
    ratio = float(part.sum() / whole.sum())
    return Figure(ratio, _standard_error((part - ratio * whole) / whole.mean()), len(part))


def _standard_error(values: Float64[np.ndarray, " n"]) -> float | None:
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else None


def kid_figure(rows: Sequence[Measurement], features: FeatureStore) -> Figure:
    """KID of the crops against the true crops; of the true faces themselves, of every other face against the rest."""
    halves = (rows[::2], rows[1::2]) if rows[0].method == TRUTH else (rows, rows)
    if min(map(len, halves)) < FEWEST:
        return Figure(None, None, len(rows))
    crops = [one.crops for one in halves[0]], [one.true_crops for one in halves[1]]
    names = {row.face: index for index, row in enumerate(rows)}
    faces = (
        np.repeat([names[row.face] for row in half], [len(found) for found in of_half])
        for half, of_half in zip(halves, crops, strict=True)
    )
    sets = (features.get([crop for found in of_half for crop in found]) for of_half in crops)
    distance = kernel_distance_of_faces(*sets, *faces)
    return Figure(KID_UNIT * distance.value, KID_UNIT * distance.standard_error, len(rows))


def as_plain(table: Table) -> dict[str, dict[str, dict[str, dict[str, float | int | None]]]]:
    """The table as values that JSON can hold."""
    return {
        method: {kind: {name: asdict(figure) for name, figure in row.items()} for kind, row in kinds.items()}
        for method, kinds in table.items()
    }


def from_plain(plain: Mapping[str, Mapping[str, Mapping[str, Mapping[str, float | int | None]]]]) -> Table:
    """The table that `as_plain` wrote."""
    return {
        method: {
            kind: {name: Figure(one["mean"], one["error"], int(one["count"] or 0)) for name, one in row.items()}
            for kind, row in kinds.items()
        }
        for method, kinds in plain.items()
    }


# ---------------------------------------------------------------------------------------------- for people


def kinds_of(table: Table) -> list[str]:
    """The kinds in the order in which they were measured."""
    return list(dict.fromkeys(kind for kinds in table.values() for kind in kinds))


def as_markdown(table: Table) -> str:
    """A table for each kind, methods down and measures across, "mean ± standard error"; the best mean is bold.

    Columns are as wide as their cells, so that it can be read on a terminal as well.
    """
    return "\n".join(_of_kind(table, kind) for kind in kinds_of(table))


def _of_kind(table: Table, kind: str) -> str:
    head = ["method", *(column.heading for column in COLUMNS.values())]
    rows = [
        [method, *(_cell(table, kind, method, name) for name in COLUMNS)]
        for method, kinds in table.items()
        if kind in kinds
    ]
    return f"{kind}, {_faces(table, kind)}\n\n{aligned([head, *rows])}"


def _faces(table: Table, kind: str) -> str:
    """How many faces a kind has, and which methods were measured on fewer."""
    counts = {
        method: max(figure.count for figure in kinds[kind].values()) for method, kinds in table.items() if kind in kinds
    }
    most = max(counts.values())
    fewer = "".join(f", {method} {count}" for method, count in counts.items() if count < most)
    return f"{most} faces{fewer}"


def _cell(table: Table, kind: str, method: str, name: str) -> str:
    figure = table[method][kind][name]
    if figure.mean is None:
        return "–"
    digits = COLUMNS[name].digits
    mean = f"{figure.mean:.{digits}f}"
    mean = f"**{mean}**" if method == best(table, kind, name) else mean
    return mean if figure.error is None else f"{mean} ± {figure.error:.{digits}f}"


def best(table: Table, kind: str, name: str) -> str | None:
    """The method with the best mean, the true faces aside; none where there is nothing to compare."""
    found = {
        method: figure.mean
        for method, kinds in table.items()
        if method != TRUTH and kind in kinds and (figure := kinds[kind][name]).mean is not None
    }
    truth = table.get(TRUTH, {}).get(kind, {}).get(name, Figure(None, None, 0)).mean
    way = COLUMNS[name].best
    if len(found) < 2 or (way == "truth" and truth is None):
        return None
    return min(found, key=lambda method: _badness(found[method], way, truth))


def _badness(mean: float | None, way: str, truth: float | None) -> float:
    assert mean is not None
    if way == "truth":
        assert truth is not None
        return abs(mean - truth)
    return mean if way == "low" else -mean


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns line up: the first row is the head, the first column words."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in (rows[0], rule, *rows[1:])]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_csv(measured: Sequence[Measurement]) -> str:
    """One line per picture, for whoever wants to compute something else."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "kind", "face", "share", *NAMES])
    for one in measured:
        values = ["" if math.isnan(one.values[name]) else f"{one.values[name]:.6f}" for name in NAMES]
        writer.writerow([one.method, one.bucket, one.face, f"{one.share:.6f}", *values])
    return text.getvalue()
