"""From measurements to the paper's table (Table 1's layout: methods down, metrics and buckets across)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from showface.evaluation.runner import METRICS, Measurement

HEADINGS = {"l1": "L1 (%) ↓", "psnr": "PSNR (dB) ↑", "ssim": "SSIM ↑"}
DIGITS = {"l1": 2, "psnr": 2, "ssim": 4}
RESAMPLES = 2000  # of the bootstrap


@dataclass(frozen=True)
class Cell:
    """The mean over pictures, its bootstrap interval (95 %) and the number of pictures."""

    mean: float
    low: float
    high: float
    count: int


Table = dict[str, dict[str, dict[str, Cell]]]
"""Method, bucket, metric."""


def tabulate(measurements: Sequence[Measurement], *, seed: int = 0) -> Table:
    """The mean of every method, bucket and metric, in the order in which they were measured."""
    table: Table = {}
    for one in measurements:
        table.setdefault(one.method, {}).setdefault(one.bucket, {})
    for method, buckets in table.items():
        for bucket in buckets:
            rows = [one.values for one in measurements if (one.method, one.bucket) == (method, bucket)]
            buckets[bucket] = {name: bootstrap([row[name] for row in rows], seed=seed) for name in METRICS}
    return table


def bootstrap(values: Sequence[float], *, seed: int = 0) -> Cell:
    """The mean of `values` and the interval that holds 95 % of the means of as many values drawn from them."""
    array = np.asarray(values)
    drawn = np.random.default_rng(seed).integers(0, len(array), (RESAMPLES, len(array)))
    low, high = np.percentile(array[drawn].mean(axis=1), (2.5, 97.5))
    return Cell(float(array.mean()), float(low), float(high), len(array))


def as_plain(table: Table) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """The table as values that JSON can hold."""
    return {
        method: {bucket: {name: asdict(cell) for name, cell in cells.items()} for bucket, cells in buckets.items()}
        for method, buckets in table.items()
    }


def as_markdown(table: Table) -> str:
    """Methods down; for each metric the buckets across. The best mean of a column is bold."""
    buckets = list(dict.fromkeys(bucket for rows in table.values() for bucket in rows))
    columns = [(name, bucket) for name in METRICS for bucket in buckets]
    lines = [
        "| method | " + " | ".join(f"{HEADINGS[name]} {bucket} %" for name, bucket in columns) + " |",
        "|---|" + "---:|" * len(columns),
    ]
    best = {column: _best(table, *column) for column in columns}
    for method, rows in table.items():
        cells = [_written(rows[bucket][name], name, bold=best[name, bucket] == method) for name, bucket in columns]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _best(table: Table, name: str, bucket: str) -> str | None:
    """The method to print in bold; none where nothing is compared."""
    sign = -1 if name == "l1" else 1
    return None if len(table) < 2 else max(table, key=lambda method: sign * table[method][bucket][name].mean)


def _written(cell: Cell, name: str, *, bold: bool) -> str:
    digits = DIGITS[name]
    mean = f"{cell.mean:.{digits}f}"
    return f"{f'**{mean}**' if bold else mean} ({cell.low:.{digits}f}–{cell.high:.{digits}f})"


def as_csv(measurements: Sequence[Measurement]) -> str:
    """One line per picture, for whoever wants to compute something else."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "bucket", "face", "mask", "share", *METRICS])
    for one in measurements:
        writer.writerow([one.method, one.bucket, one.face, one.mask, f"{one.share:.6f}", *_rounded(one.values)])
    return text.getvalue()


def _rounded(values: Mapping[str, float]) -> list[str]:
    return [f"{values[name]:.6f}" for name in METRICS]
