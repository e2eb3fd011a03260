"""Numbers over the steps of a run as lines (SVG): the values thinned out and, bolder, their running mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from showface.charts.scale import log_ticks, ticks

WIDTH, HEIGHT = 340, 180  # of the drawing, in pixels
LEFT, RIGHT, TOP, BOTTOM = 54, 8, 8, 20  # margins: numbers stand to the left and below
MOST = 200  # points of a line that are drawn
WINDOW = 0.05  # share of a line's points that its running mean is taken over
COLOURS = 8  # of lines in one drawing; page.css has as many
LOG_FROM = 8.0  # a scale is logarithmic from this ratio of its largest to its smallest value on

Number = int | float
Points = Sequence[tuple[Number, Number]]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line: x ascending, y finite."""

    name: str
    points: Points


def line_chart(title: str, lines: Sequence[Line], *, end: Number, low: float | None = None) -> str:
    """A drawing of `lines` (not all empty) from x = 0 to `end`; y begins at `low`, or where the values do.

    A single line shows its values too; several have a colour each, see `legend`.
    """
    shown = [Line(name=line.name, points=line.points) for line in lines if line.points]
    values = [y for line in shown for _, y in line.points]
    scale = Scale.of(values, end, low)
    paths = []
    for number, line in enumerate(shown):
        if len(shown) == 1:
            paths.append(f'<path class="values" d="{scale.path(thinned(line.points))}"/>')
        paths.append(f'<path class="line c{number % COLOURS}" d="{scale.path(thinned(smoothed(line.points)))}"/>\n')
    last = ", ".join(f"{line.name} {short(smoothed(line.points)[-1][1])}" for line in shown)
    label = f"{title}: over {short(end)} steps from {short(min(values))} to {short(max(values))}; last {last}"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">\n'
        f"{scale.axes()}{''.join(paths)}</svg>\n"
    )


def legend(lines: Sequence[Line]) -> str:
    """The colours of `lines` with their names and last values, as a list."""
    shown = [line for line in lines if line.points]
    items = "".join(
        f'<li><svg class="key" viewBox="0 0 16 4" aria-hidden="true"><path class="line c{number % COLOURS}" '
        f'd="M0 2H16"/></svg>{escape(line.name)} <b>{short(smoothed(line.points)[-1][1])}</b></li>\n'
        for number, line in enumerate(shown)
    )
    return f'<ul class="legend">\n{items}</ul>\n'


@dataclass(frozen=True)
class Scale:
    """Where values lie in the drawing."""

    end: Number
    low: Number
    high: Number
    log: bool

    @staticmethod
    def of(values: Sequence[Number], end: Number, low: float | None) -> Scale:
        """A scale that holds all `values`; never empty."""
        least, most = min(values), max(values)
        if least > 0 and most / least > LOG_FROM and low is None:
            return Scale(end, least, most, True)
        least = least if low is None else min(low, least)
        return Scale(end, least, most if most > least else least + 1.0, False)

    def at(self, x: Number, y: Number) -> tuple[float, float]:
        """The place of a point in pixels."""
        low, high, value = (math.log(v) if self.log else v for v in (self.low, self.high, y))
        across = LEFT + (WIDTH - LEFT - RIGHT) * x / self.end
        return across, TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    def path(self, points: Points) -> str:
        """The line through `points`."""
        places = [self.at(x, y) for x, y in points]
        only = "h0.1" if len(places) == 1 else ""  # a point is seen as a round end
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places) + only

    def axes(self) -> str:
        """Lines at round numbers and the numbers themselves."""
        marks = []
        for value in log_ticks(self.low, self.high) if self.log else ticks(self.low, self.high):
            y = self.at(0, value)[1]
            marks.append(
                f'<path class="axis" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
                f'<text class="quiet" x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{short(value)}</text>'
            )
        for step in ticks(0, self.end):
            x = self.at(step, self.high)[0]
            side = "start" if x < LEFT + 12 else "end" if x > WIDTH - RIGHT - 20 else "middle"
            marks.append(f'<text class="quiet" x="{x:.1f}" y="{HEIGHT - 5}" text-anchor="{side}">{short(step)}</text>')
        return "".join(marks) + "\n"


def thinned(points: Points, most: int = MOST) -> Points:
    """At most `most` points, each the mean of its neighbours; the first and the last x stay."""
    if len(points) <= most:
        return points
    groups = np.array_split(np.asarray(points, dtype=np.float64), most)
    means = [(float(group[:, 0].mean()), float(group[:, 1].mean())) for group in groups]
    return [(points[0][0], means[0][1]), *means[1:-1], (points[-1][0], means[-1][1])]


def smoothed(points: Points) -> Points:
    """The running mean over `WINDOW` of all points, on both sides alike; narrower towards the ends."""
    values = np.asarray([y for _, y in points], dtype=np.float64)
    sums, half = np.concatenate([[0.0], values.cumsum()]), int(len(values) * WINDOW / 2)
    if not half:
        return points
    index = np.arange(len(values))
    reach = np.minimum(half, np.minimum(index, len(values) - 1 - index))
    means = (sums[index + reach + 1] - sums[index - reach]) / (2 * reach + 1)
    return [(x, float(mean)) for (x, _), mean in zip(points, means, strict=True)]


def short(value: Number) -> str:
    """Three digits, thousands as k: 0.0123, 4.5, 12k."""
    if abs(value) >= 10_000:
        return f"{value / 1000:.3g}k"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
