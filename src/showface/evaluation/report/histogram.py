"""How the values of single pictures are spread: one small drawing (SVG) for each metric and bucket, methods below
each other on one scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from showface.charts.scale import ticks
from showface.evaluation.measuring.measures import Measure

FEWEST, MOST = 8, 32  # bars
OUTSIDE = 1.0  # per cent of the values at either end that are drawn in the outermost bars
WIDTH, LABEL, HEIGHT, AXIS = 320, 18, 28, 20  # pixels: the drawing, a method's line of text, its bars, the scale


def histogram(title: str, measure: Measure, values: Mapping[str, Sequence[float]]) -> str:
    """An SVG with a row for each method of `values` (not empty, finite): name, mean and spread on the same scale.

    Bars of all rows have the same unit, pictures. The stroke is the mean.
    """
    low, high = value_range(list(values.values()))
    bars = bar_count(max(len(row) for row in values.values()))
    counts = {
        name: np.histogram(np.clip(row, low, high), bins=bars, range=(low, high))[0] for name, row in values.items()
    }
    tallest = max(int(row.max()) for row in counts.values())
    rows, top = [], 0
    for name, row in values.items():
        rows.append(_row(name, row, counts[name] / tallest, measure, (low, high), top))
        top += LABEL + HEIGHT
    means = ", ".join(f"{name} {np.mean(row):.{measure.digits}f}" for name, row in values.items())
    return (
        f'<svg viewBox="0 0 {WIDTH} {top + AXIS}" role="img" '
        f'aria-label="{escape(f"{measure.heading}, {title}: spread over single pictures; means {means}")}">\n'
        f"{''.join(rows)}{_axis(low, high, top)}</svg>\n"
    )


def bar_count(values: int) -> int:
    """Twice the cube root of the number of values (Rice's rule), within bounds."""
    return min(max(math.ceil(2 * math.cbrt(values)), FEWEST), MOST)


def value_range(rows: Sequence[Sequence[float]]) -> tuple[float, float]:
    """What the scale covers: all methods' values but `OUTSIDE` per cent at either end; never empty."""
    low, high = np.percentile(
        np.concatenate([np.asarray(row, dtype=np.float64) for row in rows]), (OUTSIDE, 100 - OUTSIDE)
    )
    return (float(low), float(high)) if high > low else (float(low) - 0.5, float(low) + 0.5)


def _row(
    name: str, values: Sequence[float], heights: np.ndarray, measure: Measure, scale: tuple[float, float], top: int
) -> str:
    base, step = top + LABEL + HEIGHT, WIDTH / len(heights)
    bars = "".join(
        f"M{i * step:.4g} {base}v{-height * (HEIGHT - 4):.3g}h{step - 1:.3g}V{base}z"
        for i, height in enumerate(heights.tolist())
        if height > 0
    )
    mean = float(np.mean(values))
    place = _at(min(max(mean, scale[0]), scale[1]), *scale)
    return (
        f'<text x="0" y="{top + 14}">{escape(name)}</text>'
        f'<text x="{WIDTH}" y="{top + 14}" text-anchor="end">{mean:.{measure.digits}f}</text>'
        f'<path class="bars" d="{bars}"/>'
        f'<path class="mean" d="M{place:.4g} {base}v-{HEIGHT - 2}"/>\n'
    )


def _axis(low: float, high: float, top: int) -> str:
    marks = "".join(
        f'<text class="quiet" x="{_at(value, low, high):.4g}" y="{top + 15}" text-anchor="{_anchor(value, low, high)}">'
        f"{value:.6g}</text>"
        for value in ticks(low, high)
    )
    return f'<path class="axis" d="M0 {top + 0.5}H{WIDTH}"/>{marks}\n'


def _at(value: float, low: float, high: float) -> float:
    """Where `value` lies on the scale, in pixels."""
    return WIDTH * (value - low) / (high - low)


def _anchor(value: float, low: float, high: float) -> str:
    """Numbers at either end stay inside the drawing."""
    place = _at(value, low, high)
    return "start" if place < 16 else "end" if place > WIDTH - 16 else "middle"
