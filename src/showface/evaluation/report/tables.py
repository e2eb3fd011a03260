"""From measurements to the paper's table (Table 1's layout: methods down, metrics and buckets across)."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from showface.evaluation.measuring.measures import MEASURES
from showface.evaluation.measuring.runner import Measurement
from showface.masks import BUCKETS

HEADINGS = {name: measure.heading for name, measure in MEASURES.items()}
DIGITS = {name: measure.digits for name, measure in MEASURES.items()}
RESAMPLES = 2000  # of the bootstrap
ACROSS = 3  # metrics beside each other in one Markdown table


@dataclass(frozen=True)
class Cell:
    """The mean over pictures, its bootstrap interval (95 %) and the number of pictures.

    Of a measure of sets `mean` is its one value; `low` and `high` are None where it has no interval.
    """

    mean: float
    low: float | None
    high: float | None
    count: int
    caveat: str = ""  # what has to be known to read it, in one sentence


Table = dict[str, dict[str, dict[str, Cell]]]
"""Method, bucket, metric."""


def tabulate(
    measurements: Sequence[Measurement],
    *,
    seed: int = 0,
    sets: Mapping[tuple[str, str], Mapping[str, Cell]] | None = None,
) -> Table:
    """The mean of every method, bucket and metric, in the order in which they were measured.

    `sets` holds the cells of the measures of sets by method and bucket. A value that is not defined (NaN) is left out
    of its mean, and the count tells of it.
    """
    rows: dict[tuple[str, str], list[Mapping[str, float]]] = {}
    for one in measurements:
        rows.setdefault((one.method, one.bucket), []).append(one.values)
    table: Table = {}
    for place, values in rows.items():
        cells = {name: bootstrap([row[name] for row in values], seed=seed) for name in values[0]}
        cells |= (sets or {}).get(place, {})
        table.setdefault(place[0], {})[place[1]] = {name: cells[name] for name in MEASURES if name in cells}
    return table


def bootstrap(values: Sequence[float], *, seed: int = 0) -> Cell:
    """The mean of `values` and the interval that holds 95 % of the means of as many values drawn from them."""
    array = np.asarray([value for value in values if not math.isnan(value)], dtype=np.float64)
    if not len(array):
        return Cell(math.nan, None, None, 0, "not defined for any of the pictures")
    drawn = np.random.default_rng(seed).integers(0, len(array), (RESAMPLES, len(array)))
    low, high = np.percentile(array[drawn].mean(axis=1), (2.5, 97.5))
    missing = len(values) - len(array)
    caveat = f"not defined for {missing} of {len(values)} pictures, which are left out" if missing else ""
    return Cell(float(array.mean()), float(low), float(high), len(array), caveat)


def as_plain(table: Table) -> dict[str, dict[str, dict[str, dict[str, Any]]]]:
    """The table as values that JSON can hold; what is not defined is null."""
    return {
        method: {bucket: {name: _plain(cell) for name, cell in cells.items()} for bucket, cells in buckets.items()}
        for method, buckets in table.items()
    }


def _plain(cell: Cell) -> dict[str, Any]:
    return {name: None if value != value else value for name, value in asdict(cell).items()}


def caveats(table: Table) -> list[str]:
    """Each caveat once, with the metric and the buckets that it is about."""
    found: dict[tuple[str, str], list[str]] = {}
    for buckets in table.values():
        for bucket, cells in buckets.items():
            for name, cell in cells.items():
                if cell.caveat:
                    found.setdefault((name, cell.caveat), []).append(bucket)
    return [f"{HEADINGS[name]}, {', '.join(dict.fromkeys(where))}: {caveat}" for (name, caveat), where in found.items()]


# ---------------------------------------------------------------------------------------------- Markdown


def title_of(bucket: str) -> str:
    """A bucket as headings call it: hole shares in per cent, others by name."""
    return f"{bucket} %" if bucket in BUCKETS else bucket


def as_markdown(table: Table) -> str:
    """Methods down; for each metric the buckets across, three metrics a table; then the buckets beyond the paper's.

    The best mean of a column is bold.
    """
    buckets = list(dict.fromkeys(bucket for rows in table.values() for bucket in rows))
    names = [name for name in MEASURES if any(name in cells for rows in table.values() for cells in rows.values())]
    shares, further = ([b for b in buckets if (b in BUCKETS) is paper] for paper in (True, False))
    groups = [names[first : first + ACROSS] for first in range(0, len(names), ACROSS)] if shares else []
    parts = [_shares_across(table, group, shares) for group in groups]
    if further:
        parts.append(_buckets_down(table, names, further))
    parts.append("".join(f"* {caveat}\n" for caveat in caveats(table)))
    return "\n".join(part for part in parts if part)


def _shares_across(table: Table, names: Sequence[str], buckets: Sequence[str]) -> str:
    columns = [(name, bucket) for name in names for bucket in buckets]
    lines = [_row(["method", *(f"{HEADINGS[name]} {title_of(bucket)}" for name, bucket in columns)])]
    lines.append("|---|" + "---:|" * len(columns))
    lines += [_row([method, *(_cell(table, method, *column) for column in columns)]) for method in table]
    return "\n".join(lines) + "\n"


def _buckets_down(table: Table, names: Sequence[str], buckets: Sequence[str]) -> str:
    lines = [_row(["hidden", "method", *(HEADINGS[name] for name in names)]), "|---|---|" + "---:|" * len(names)]
    for bucket in buckets:
        for method in table:
            lines.append(_row([bucket, method, *(_cell(table, method, name, bucket) for name in names)]))
    return "\n".join(lines) + "\n"


def _row(words: Iterable[str]) -> str:
    return "| " + " | ".join(words) + " |"


def _cell(table: Table, method: str, name: str, bucket: str) -> str:
    cell = table[method].get(bucket, {}).get(name)
    if cell is None or math.isnan(cell.mean):
        return "–"
    digits = DIGITS[name]
    mean = f"{cell.mean:.{digits}f}"
    interval = "" if cell.low is None or cell.high is None else f" ({cell.low:.{digits}f}–{cell.high:.{digits}f})"
    return (f"**{mean}**" if best(table, name, bucket) == method else mean) + interval


def best(table: Table, name: str, bucket: str) -> str | None:
    """The method with the best mean of a column; none where nothing is compared."""
    found = {method: rows[bucket][name].mean for method, rows in table.items() if name in rows.get(bucket, {})}
    found = {method: mean for method, mean in found.items() if not math.isnan(mean)}
    if len(table) < 2 or not found:
        return None
    sign = 1 if MEASURES[name].higher else -1
    return max(found, key=lambda method: sign * found[method])


# ---------------------------------------------------------------------------------------------- CSV


def as_csv(measurements: Sequence[Measurement]) -> str:
    """One line per picture, for whoever wants to compute something else."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [name for name in MEASURES if any(name in one.values for one in measurements)]
    writer.writerow(["method", "bucket", "face", "mask", "share", *names])
    for one in measurements:
        values = [one.values.get(name, math.nan) for name in names]
        written = ["" if math.isnan(value) else f"{value:.6f}" for value in values]
        writer.writerow([one.method, one.bucket, one.face, one.mask, f"{one.share:.6f}", *written])
    return text.getvalue()


def cells_as_csv(table: Table) -> str:
    """One line per cell of the table."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "bucket", "metric", "mean", "low", "high", "count", "caveat"])
    for method, buckets in table.items():
        for bucket, cells in buckets.items():
            for name, cell in cells.items():
                figures = ["" if v is None or math.isnan(v) else f"{v:.6f}" for v in (cell.mean, cell.low, cell.high)]
                writer.writerow([method, bucket, name, *figures, cell.count, cell.caveat])
    return text.getvalue()
