"""Shades stand for values, unknown cells stay empty, and a page cannot load anything."""

from __future__ import annotations

import base64
import io
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from showface.charts.frame import POLICY, framed, jpeg_uri
from showface.charts.heat_map import LEFT, ROW, WIDTH, heat_map


def test_cells_are_where_and_as_strong_as_their_values() -> None:
    rows = {"skin": [0.0, None, 1.0], "a&b": [0.5, 2.0, -1.0]}
    drawing = ElementTree.fromstring(heat_map("use <", rows, below=("1", "9")))
    cells = [[float(cell.get(name, "")) for name in ("x", "y", "fill-opacity")] for cell in drawing.iter("rect")]
    step = (WIDTH - LEFT) / 3
    wanted = [(0, 0, 0.06), (2, 0, 1.0), (0, 1, 0.53), (1, 1, 1.0), (2, 1, 0.06)]
    expected = [(LEFT + column * step, row * ROW, shade) for column, row, shade in wanted]
    assert np.allclose(cells, expected, atol=0.06, rtol=0)
    assert [text.text for text in drawing.iter("text")] == ["skin", "a&b", "1", "9"]
    assert drawing.get("aria-label") == "use <; last values skin 1.00, a&b -1.00"


def test_a_page_may_load_nothing() -> None:
    html = framed("a < b", "<p>body</p>")
    assert "<title>a &lt; b</title>" in html and f'content="{POLICY}"' in html and "default-src 'none'" in POLICY
    assert "<script" not in html and "http" not in html.replace("http-equiv", "")
    assert "prefers-color-scheme: dark" in html and "width=device-width" in html


def test_pictures_survive_the_way_into_a_page() -> None:
    smooth = Image.fromarray(np.linspace(0, 255, 32 * 32 * 3).reshape(32, 32, 3).astype(np.uint8))
    head, _, content = jpeg_uri(smooth, quality=90, subsampling=0).partition(",")
    assert head == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as back:
        assert np.abs(np.asarray(back, dtype=int) - np.asarray(smooth, dtype=int)).mean() < 4
