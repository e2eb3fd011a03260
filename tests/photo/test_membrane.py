from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from showface.masks import draw_free_form
from showface.photo.membrane import continued, membrane

RNG = np.random.default_rng(0)


def plane(height: int, width: int) -> np.ndarray:
    """Rises evenly in both directions: harmonic, so a membrane across a hole in it is the plane itself."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([x, y, 100 - x / 2 - y / 3], -1)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32))
def test_known_values_stay_and_the_rest_lies_between_them(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, hole = rng.normal(size=(height, width, 3)).astype(np.float32), rng.random((height, width)) < 0.6
    filled = membrane(values, hole)
    assert filled.shape == values.shape and np.array_equal(filled[~hole], values[~hole])
    if not hole.all():
        known = values[~hole]
        assert (filled >= known.min(0) - 1e-4).all() and (filled <= known.max(0) + 1e-4).all()
    else:
        assert not filled.any()


def test_what_the_hole_holds_does_not_matter() -> None:
    values, hole = plane(40, 50), draw_free_form(RNG, (40, 50), (0.3, 0.4))
    spoilt = np.where(hole[..., None], np.float32(np.nan), values)
    assert np.array_equal(membrane(values, hole), membrane(spoilt, hole))


@pytest.mark.parametrize("size", [(64, 64), (61, 75)])
def test_a_plane_goes_on_across_the_hole(size: tuple[int, int]) -> None:
    hole = np.zeros(size, dtype=bool)
    hole[20:40, 15:45] = True
    assert np.abs(membrane(plane(*size), hole) - plane(*size)).max() < 1.5


def test_it_is_near_the_solution_of_laplaces_equation() -> None:
    """Parity with a thousand plain relaxation sweeps."""
    values = RNG.normal(size=(24, 24, 3)).cumsum(0).cumsum(1).astype(np.float32)
    hole = np.zeros((24, 24), dtype=bool)
    hole[6:18, 5:19] = True
    exact = np.where(hole[..., None], 0, values)
    for _ in range(1000):
        around = (exact[:-2, 1:-1] + exact[2:, 1:-1] + exact[1:-1, :-2] + exact[1:-1, 2:]) / 4
        exact[1:-1, 1:-1] = np.where(hole[1:-1, 1:-1, None], around, exact[1:-1, 1:-1])
    spread = values[~hole].std()
    assert np.abs(membrane(values, hole) - exact)[hole].mean() < 0.04 * spread


# ------------------------------------------------------------------ a completion that goes on from its rim


@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_a_completion_of_another_brightness_is_brought_to_that_of_its_rim(offset: float) -> None:
    truth = plane(64, 64)
    hidden = np.zeros((64, 64), dtype=bool)
    hidden[20:44, 16:50] = True
    bent = continued(truth + np.float32(offset) * hidden[..., None], hidden)
    assert np.array_equal(bent[~hidden], truth[~hidden])
    assert np.abs(bent - truth)[hidden].max() < 2


def test_inside_its_own_lines_stay() -> None:
    """A line in the middle of the hole is the completion's own affair."""
    truth = plane(64, 64)
    truth[30:33, 24:40] += 60
    hidden = np.zeros((64, 64), dtype=bool)
    hidden[16:48, 16:48] = True
    bent = continued(truth + 25 * hidden[..., None].astype(np.float32), hidden)
    assert np.abs(bent - truth)[hidden].max() < 3


def test_without_a_rim_nothing_is_bent() -> None:
    values = plane(8, 8)
    for hidden in (np.zeros((8, 8), dtype=bool), np.ones((8, 8), dtype=bool)):
        assert np.array_equal(continued(values, hidden), values)
