from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from showface.occluders.shapes import grid, inside, inside_melted, limb, oval, rounded, seen_from

PLACE = st.tuples(st.floats(-0.2, 1.2), st.floats(-0.2, 1.2))


def point(x: float, y: float) -> np.ndarray:
    return np.array([x, y]).reshape(2, 1, 1)


def test_the_largest_centred_square_is_the_unit_square() -> None:
    x, y = grid(4)
    assert x[0].tolist() == y[:, 0].tolist() == [0.125, 0.375, 0.625, 0.875]
    x, y = grid((4, 8))
    assert x[0].tolist() == [-0.375, -0.125, 0.125, 0.375, 0.625, 0.875, 1.125, 1.375]
    assert y[:, 0].tolist() == [0.125, 0.375, 0.625, 0.875]


def test_a_frame_of_its_own() -> None:
    """Turned clockwise by a quarter, what was below is to the right; twice the unit halves the numbers."""
    found = seen_from(point(0.5, 0.9), (0.5, 0.5), math.pi / 2, 2.0)
    assert found.ravel() == pytest.approx([0.2, 0.0], abs=1e-12)
    assert seen_from(point(0.5, 0.9), (0.5, 0.5), math.pi / 2, 2.0, mirrored=True).ravel() == pytest.approx([-0.2, 0.0])


def test_limb_known_answers() -> None:
    def distance(x: float, y: float) -> float:
        return float(limb(point(x, y), (1.0, -1.0), (1.0, 1.0), (0.1, 0.3))[0, 0])

    assert distance(0.0, 0.0) == pytest.approx(1 - 0.2)  # halfway the radius is halfway
    assert distance(1.0, 2.0) == pytest.approx(1 - 0.3) and distance(1.0, -2.0) == pytest.approx(1 - 0.1)
    assert distance(1.0, 0.5) == pytest.approx(-0.25)


def test_oval_known_answers() -> None:
    reach = (2.0, 1.0, 3.0)  # half as wide as high below the centre
    inner = [(1.9, 0.0), (0.0, -0.9), (0.0, 2.9)]
    outer = [(2.1, 0.0), (0.0, -1.1), (0.0, 3.1), (1.6, 2.4)]
    assert all(oval(point(*p), (0.0, 0.0), reach, 2.0).all() for p in inner)
    assert not any(oval(point(*p), (0.0, 0.0), reach, 2.0).any() for p in outer)
    assert oval(point(1.6, 2.4), (0.0, 0.0), reach, 6.0).all()  # a corner of a near box


@given(st.tuples(PLACE, PLACE, PLACE))
def test_inside_a_triangle_is_on_one_side_of_its_three_edges(corners: tuple[tuple[float, float], ...]) -> None:
    x, y = points = grid(16)
    sides = []
    for (x1, y1), (x2, y2) in zip(corners, (*corners[1:], corners[0]), strict=True):
        sides.append((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1))
    clear = np.abs(np.stack(sides)).min(axis=0) > 1e-9  # a point on an edge may be either
    expected = (np.stack(sides) > 0).all(axis=0) | (np.stack(sides) < 0).all(axis=0)
    assert np.array_equal(inside(points, corners)[clear], expected[clear])


def test_a_rounded_rim_passes_through_its_corners() -> None:
    corners = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
    curve = rounded(corners, steps=5)
    assert len(curve) == 20 and curve[::5] == corners


def test_melting_fills_angles_and_nothing_else() -> None:
    points = grid(64)
    left, right = (limb(points, (x, 0.5), (x, 0.5), (0.2, 0.2)) for x in (0.29, 0.71))
    union = (left < 0) | (right < 0)
    assert np.array_equal(inside_melted([left], 0.02), left < 0)
    melted = inside_melted([left, right], 0.05)
    assert melted[32, 32] and not union[32, 32] and (melted >= union).all()
    assert np.array_equal(melted, inside_melted([right, left], 0.05))
    assert not (melted & (np.minimum(left, right) > 0.05 * math.log(2))).any()
