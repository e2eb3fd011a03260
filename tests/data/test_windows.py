from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from showface.data.windows import Window

SHARE = st.floats(0, 1)


def test_the_whole_picture_is_its_largest_centred_square() -> None:
    assert Window().box((80, 50)) == (15, 0, 65, 50)
    assert Window().box((50, 80)) == (0, 15, 50, 65)
    assert Window.of((15, 0, 65, 50), (80, 50)) == Window()


@given(SHARE, SHARE, st.floats(0.1, 1), st.tuples(st.integers(8, 99), st.integers(8, 99)))
def test_a_window_is_the_box_it_was_made_of(left: float, top: float, side: float, picture: tuple[int, int]) -> None:
    box = Window(left, top, side).box(picture)
    assert Window.of(box, picture).box(picture) == pytest.approx(box, abs=1e-9)


def test_a_mirrored_window_shows_the_mirrored_pixels() -> None:
    pixels = np.arange(100).reshape(10, 10)

    def shown(picture: np.ndarray, window: Window) -> np.ndarray:
        left, top, right, bottom = map(round, window.box((10, 10)))
        return picture[top:bottom, left:right]

    window = Window(0.1, 0.3, 0.6)
    assert np.array_equal(shown(pixels[:, ::-1], window.mirrored()), shown(pixels, window)[:, ::-1])


def test_where_a_place_of_the_picture_lies_in_the_window() -> None:
    assert Window(0.2, 0.0, 0.5).across(0.45) == pytest.approx(0.5)
    assert Window().across(0.3) == pytest.approx(0.3)
