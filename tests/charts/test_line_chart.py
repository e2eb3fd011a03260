"""Lines lie where their values are, means are means, and nothing in a drawing comes from elsewhere."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from showface.charts.line_chart import (
    BOTTOM,
    HEIGHT,
    LEFT,
    MOST,
    RIGHT,
    TOP,
    WIDTH,
    Line,
    Scale,
    legend,
    line_chart,
    short,
    smoothed,
    thinned,
)
from showface.charts.scale import log_ticks, ticks

finite = st.floats(-1e6, 1e6)


def places(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[0-9.]+) (-?[0-9.]+)", path)]


def test_a_line_runs_from_corner_to_corner() -> None:
    drawing = line_chart("loss", [Line(name="loss", points=[(0, 1.0), (10, 2.0)])], end=10)
    values, mean = (path for path in ElementTree.fromstring(drawing).iter("path") if path.get("class") != "axis")
    assert places(values.get("d", "")) == [(LEFT, HEIGHT - BOTTOM), (WIDTH - RIGHT, TOP)]
    assert places(mean.get("d", "")) == places(values.get("d", ""))


def test_a_wide_range_of_positive_values_is_logarithmic() -> None:
    assert Scale.of([1.0, 100.0], 10, None).log and not Scale.of([1.0, 7.0], 10, None).log
    assert not Scale.of([0.0, 100.0], 10, None).log and not Scale.of([1.0, 100.0], 10, 0.0).log
    middle = Scale.of([1.0, 100.0], 10, None).at(5, 10.0)
    assert middle == pytest.approx(((LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2))


@given(values=st.lists(finite, min_size=1, max_size=40), low=st.none() | st.just(0.0))
def test_every_value_lies_within_the_drawing(values: list[float], low: float | None) -> None:
    line = Line(name="a&b", points=list(enumerate(values)))
    root = ElementTree.fromstring(line_chart("x < y", [line], end=max(1, len(values) - 1), low=low))
    assert root.get("aria-label", "").startswith("x < y: over ")
    for path in root.iter("path"):
        if path.get("class") != "axis":
            for x, y in places(path.get("d", "")):
                assert LEFT - 0.1 <= x <= WIDTH - RIGHT + 0.1 and TOP - 0.1 <= y <= HEIGHT - BOTTOM + 0.1


def test_several_lines_have_a_colour_each_and_a_legend() -> None:
    lines = [Line(name=f"<{n}>", points=[(1, float(n)), (2, n + 1.0)]) for n in range(3)]
    lines.append(Line(name="none", points=[]))
    drawing = ElementTree.fromstring(line_chart("g", lines, end=2))
    drawn = [path.get("class") for path in drawing.iter("path") if path.get("class") != "axis"]
    assert drawn == ["line c0", "line c1", "line c2"]
    items = ElementTree.fromstring(legend(lines)).findall("li")
    assert ["".join(item.itertext()).split() for item in items] == [["<0>", "1"], ["<1>", "2"], ["<2>", "3"]]


def test_thinning_keeps_ends_and_means() -> None:
    points = [(float(x), float(x % 7)) for x in range(5000)]
    fewer = thinned(points)
    assert len(fewer) == MOST and fewer[0][0] == 0 and fewer[-1][0] == 4999
    assert sum(y for _, y in fewer) / MOST == pytest.approx(sum(y for _, y in points) / 5000, rel=1e-2)
    assert thinned(points[:MOST]) == points[:MOST]


def test_the_running_mean_has_no_lag_and_keeps_lines() -> None:
    straight = [(float(x), 3.0 * x - 5) for x in range(200)]
    assert [y for _, y in smoothed(straight)] == pytest.approx([y for _, y in straight])
    spike = [(float(x), 110.0 * (x == 110)) for x in range(220)]  # a window of eleven
    assert [round(y) for _, y in smoothed(spike)[104:117]] == [0] + [10] * 11 + [0]
    assert smoothed(straight[:10]) == straight[:10]


@given(low=st.floats(1e-6, 1e6), ratio=st.floats(1.01, 1e8))
def test_marks_of_a_logarithmic_scale_lie_on_it(low: float, ratio: float) -> None:
    marks = log_ticks(low, low * ratio)
    assert 1 <= len(marks) <= 7 and marks == sorted(marks)
    assert all(low * 0.999 <= mark <= low * ratio * 1.001 for mark in marks)


def test_numbers_in_short() -> None:
    told = [short(value) for value in (0.01234, 1234.0, 12345.0, 250_000.0, -0.5)]
    assert told == ["0.0123", "1234", "12.3k", "250k", "-0.5"]
    assert ticks(0, 200) == [0, 100, 200]
