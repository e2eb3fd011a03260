"""The drawings of how single pictures' values are spread."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from showface.charts.scale import ticks
from showface.evaluation.measuring.measures import MEASURES
from showface.evaluation.report.histogram import FEWEST, HEIGHT, MOST, WIDTH, bar_count, histogram, value_range

PSNR = MEASURES["psnr"]


def bars(path: str) -> list[tuple[float, float]]:
    """Place and height of every bar of a path."""
    return [(float(x), float(h)) for x, h in re.findall(r"M(\S+) \d+v-(\S+?)h", path)]


def test_a_drawing_is_xml_that_names_each_method_and_says_its_means() -> None:
    drawing = histogram("1-20 %", PSNR, {"a<b": [20.0, 22.0], "full": [30.0, 31.0]})
    root = ET.fromstring(drawing)
    texts = [element.text for element in root.iter("text")]
    assert {"a<b", "21.00", "full", "30.50"} <= set(texts)
    assert root.attrib["role"] == "img"
    assert "means a<b 21.00, full 30.50" in root.attrib["aria-label"]


def test_bars_are_counts_on_one_scale() -> None:
    """Twenty-four values in the lowest bar and eight in the highest: a third of the height."""
    root = ET.fromstring(histogram("", PSNR, {"low": [20.0] * 24, "high": [40.0] * 8}))
    low, high = (bars(path.attrib["d"]) for path in root.iter("path") if path.attrib["class"] == "bars")
    assert low == [(0.0, HEIGHT - 4)]
    assert high == [(pytest.approx(WIDTH * (FEWEST - 1) / FEWEST), pytest.approx((HEIGHT - 4) / 3))]


def test_every_value_is_counted_those_outside_in_the_outermost_bars() -> None:
    values = [*np.linspace(20, 30, 500).tolist(), 100.0]
    low, high = value_range([values])
    assert 20 < low < 20.2 and 29.8 < high < 30
    root = ET.fromstring(histogram("", PSNR, {"one": values}))
    found = bars(next(p.attrib["d"] for p in root.iter("path") if p.attrib["class"] == "bars"))
    assert len(found) == bar_count(501) and all(0 < height <= HEIGHT - 4 for _, height in found)


def test_equal_values_have_a_scale_too() -> None:
    assert value_range([[3.0, 3.0], [3.0]]) == (2.5, 3.5)
    ET.fromstring(histogram("", PSNR, {"one": [3.0]}))


def test_more_pictures_more_bars() -> None:
    assert [bar_count(n) for n in (1, 200, 2000, 10**6)] == [FEWEST, 12, 26, MOST]


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_ticks_are_few_rising_and_inside(low: float, width: float) -> None:
    found = ticks(low, low + width)
    assert 2 <= len(found) <= 5
    assert found == sorted(set(found))
    assert all(low - 1e-9 * width <= tick <= low + width * (1 + 1e-9) + 1e-9 for tick in found)
