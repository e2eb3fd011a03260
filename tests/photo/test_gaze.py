from __future__ import annotations

import numpy as np
import pytest

from showface.photo.gaze import iris_in, looking_the_same_way
from showface.photo.mirror import AXIS
from showface.photo.symmetry import LUMINANCE, Places
from tests.photo.drawn_face import RIGHT_EYE, Look, drawn, ellipse

LEFT, RIGHT = ellipse(AXIS - 31, 121, 15, 7), ellipse(AXIS + 31, 121, 15, 7)


def luminance(look: Look) -> np.ndarray:
    return (drawn(look)[0] @ LUMINANCE).astype(np.float32)


def reflection() -> Places:
    xs, ys = np.meshgrid(np.arange(256, dtype=np.float32), np.arange(256, dtype=np.float32))
    return Places(np.float32(2 * AXIS) - xs, ys)


@pytest.mark.parametrize("gaze", [-6.0, 0.0, 4.0])
@pytest.mark.parametrize(("eye", "side"), [(LEFT, -1), (RIGHT, 1)])
def test_the_iris_is_found_where_it_is(gaze: float, eye: np.ndarray, side: int) -> None:
    iris = iris_in(luminance(Look(gaze=gaze)), eye)
    assert iris is not None and iris.contrast > 50
    assert (iris.x, iris.y) == (pytest.approx(AXIS + 31 * side + gaze, abs=1), pytest.approx(121, abs=1))
    assert iris.aside == pytest.approx(gaze, abs=1)


def test_no_eye_no_iris() -> None:
    assert iris_in(luminance(Look()), np.zeros((256, 256), bool)) is None
    assert iris_in(luminance(Look()), ellipse(100, 100, 2, 2)) is None


@pytest.mark.parametrize("gaze", [-4.0, 4.0])
def test_a_mirrored_iris_goes_where_the_other_looks(gaze: float) -> None:
    places = looking_the_same_way(reflection(), luminance(Look(gaze=gaze)), LEFT | RIGHT, RIGHT_EYE, AXIS)
    x, y = round(AXIS + 31 + gaze), 121
    assert places.x[y, x] == pytest.approx(AXIS - 31 + gaze, abs=1.5)  # the iris of the eye that is seen
    still = reflection()
    for place in ((121, round(AXIS + 31 + 30)), (121, round(AXIS + 31 - 30)), (121 + 18, x), (121 - 18, x)):
        assert places.x[place] == pytest.approx(still.x[place], abs=0.2)  # corners and lids stay
    ahead = np.diff(places.x[121, 130:190])
    assert (ahead < 0).all()  # nothing is folded over


def test_eyes_that_look_ahead_and_eyes_that_disagree_are_left() -> None:
    still = reflection()
    ahead = looking_the_same_way(still, luminance(Look(gaze=1.0)), LEFT | RIGHT, RIGHT_EYE, AXIS)
    assert ahead is still
    crossed = np.where(np.arange(256) > AXIS, luminance(Look(gaze=-6.0)), luminance(Look(gaze=6.0)))
    assert looking_the_same_way(still, crossed, LEFT | RIGHT, RIGHT_EYE, AXIS) is still
    assert looking_the_same_way(still, luminance(Look(gaze=6.0)), LEFT, RIGHT_EYE, AXIS) is still
    nothing = np.zeros((256, 256), bool)
    assert looking_the_same_way(still, luminance(Look(gaze=6.0)), LEFT | RIGHT, nothing, AXIS) is still
