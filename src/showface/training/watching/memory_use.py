"""How the memory's slots were used over time, from the counts that a log holds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from showface.semantics import CATEGORIES

COLUMNS = 40  # spans of time that are told apart
RECENT = 0.25  # share of the log that the present use is counted over

Counts = Sequence[tuple[int, list[Any]]]  # step, and the count of every slot by category since the memory began


def evenness_over_time(counts: Counts, names: Sequence[str]) -> Mapping[str, list[float | None]]:
    """For every category and span of time: 0 = one slot took every vector, 1 = all took equally many, None = no vector.

    That is the entropy of the use within the span, as a share of the largest possible.
    """
    whole = np.asarray([table for _, table in counts], dtype=np.float64)  # (t, n, m)
    cuts = np.unique(np.linspace(0, len(whole) - 1, COLUMNS + 1).round().astype(int))
    spans = whole[cuts[1:]] - whole[cuts[:-1]]  # (spans, n, m)
    return {name: [_evenness(span[i]) for span in spans] for i, name in enumerate(names)}


def recent_use(counts: Counts, names: Sequence[str]) -> Mapping[str, list[float | None]]:
    """Each slot's share of its category's use lately, counted in that of the busiest slot: 1 = the busiest."""
    first = counts[int((len(counts) - 1) * (1 - RECENT))][1]
    use = np.asarray(counts[-1][1], dtype=np.float64) - (np.asarray(first) if len(counts) > 1 else 0.0)  # (n, m)
    rows = [row / row.max() if row.max() > 0 else None for row in use]
    return {
        name: [None] * use.shape[1] if row is None else [float(v) for v in row]
        for name, row in zip(names, rows, strict=True)
    }


def sharpness_over_time(told: Counts, names: Sequence[str]) -> Mapping[str, list[float | None]]:
    """How sharply each category was read: the largest share of one slot, averaged over spans of time."""
    groups = np.array_split(np.arange(len(told)), min(COLUMNS, len(told)))
    rows: dict[str, list[float | None]] = {}
    for place, name in enumerate(names):
        known = [[told[i][1][place] for i in group if told[i][1][place] is not None] for group in groups]
        rows[name] = [sum(values) / len(values) if values else None for values in known]
    return rows


def category_names(count: int) -> Sequence[str]:
    """The names of the memory's blocks."""
    return CATEGORIES if len(CATEGORIES) == count else [str(number) for number in range(count)]


def _evenness(use: np.ndarray) -> float | None:
    total = use.sum()
    if total <= 0:
        return None
    shares = use[use > 0] / total
    return float(-(shares * np.log(shares)).sum() / math.log(max(len(use), 2)))
