from __future__ import annotations

import cv2
import numpy as np
import pytest

from showface.photo.mirror import AXIS
from showface.photo.symmetry import Places, Symmetry, Window, normalised, smooth
from tests.photo.drawn_face import RIGHT_EYE, drawn, foggy

WINDOW = Window(AXIS + 31, 118.0, 28.0)


def away(places: Places, wanted_x: np.ndarray, wanted_y: np.ndarray) -> float:
    """The mean distance from where pixels of the hidden eye should be taken from, in pixels."""
    return float(np.hypot(places.x - wanted_x, places.y - wanted_y)[RIGHT_EYE].mean())


def test_a_symmetric_face_is_found_to_be_so() -> None:
    symmetry = Symmetry(foggy(drawn()[0], RIGHT_EYE), RIGHT_EYE, axis=AXIS)
    assert away(symmetry.places(WINDOW), 2 * AXIS - symmetry.xs, symmetry.ys) < 0.4


@pytest.mark.parametrize("light", [0.0, 0.5])
@pytest.mark.parametrize(("scale", "right", "down"), [(1.0, 3.0, 2.0), (0.92, -2.0, 0.0), (1.06, 1.0, -2.0)])
def test_a_side_that_is_smaller_moved_and_darker_is_found(
    scale: float, right: float, down: float, light: float
) -> None:
    face = drawn()[0]
    ys, xs = np.mgrid[:256, :256].astype(np.float32)
    # the right side as it is seen when the head is turned a little
    x, y = AXIS + (xs - AXIS - right) / scale, ys - down
    other = cv2.remap(face, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE) * (1 - light)
    face = np.where((xs > AXIS + 3)[..., None], other, face).clip(0, 255).astype(np.float32)
    symmetry = Symmetry(foggy(face, RIGHT_EYE), RIGHT_EYE, axis=AXIS)
    wanted = 2 * AXIS - x, y
    assert away(symmetry.places(WINDOW), *wanted) < 0.5 * away(symmetry.reflected(), *wanted)


def test_agreement_is_one_for_equal_sides_and_near_zero_for_strangers() -> None:
    face, weights = drawn()[0], np.ones((256, 256), np.float32)
    symmetry = Symmetry(face, RIGHT_EYE, axis=AXIS)
    assert symmetry.agreement(symmetry.reflected(), weights) > 0.95
    noise = np.random.default_rng(0).uniform(0, 255, (256, 256, 3)).astype(np.float32)
    strange = Symmetry(np.where((np.arange(256) > AXIS)[None, :, None], noise, face), RIGHT_EYE, axis=AXIS)
    right = weights * (strange.xs > AXIS)
    assert abs(strange.agreement(strange.reflected(), right)) < 0.1
    assert symmetry.agreement(symmetry.reflected(), 0 * weights) == -1


def test_places_beyond_the_frame_show_nothing() -> None:
    xs, ys = np.meshgrid(np.arange(8, dtype=np.float32), np.arange(8, dtype=np.float32))
    there = Places(xs - 4, ys)
    assert (there.shows(np.ones((8, 8), bool))[:, :4] == 0).all()
    assert (there.of(xs)[:, :4] == 0).all() and (there.of(xs)[:, 4:] == xs[:, :4]).all()


@pytest.mark.parametrize("spread", [1.0, 3.0, 8.0, 20.0, 60.0])
def test_wide_means_are_those_of_a_gaussian(spread: float) -> None:
    values = np.random.default_rng(1).normal(100, 20, (256, 256)).astype(np.float32)
    exact = cv2.GaussianBlur(values, (0, 0), spread)
    inner = np.s_[60:-60, 60:-60]
    assert np.abs(smooth(values, spread) - exact)[inner].max() < 0.5 * exact[inner].std() + 0.05
    assert smooth(np.full((256, 256), 7, np.float32), spread) == pytest.approx(7, abs=1e-4)


def test_normalised_luminance_does_not_see_light() -> None:
    luminance = drawn()[0].mean(-1)
    dark = normalised(luminance * 0.5 + 20, 10.0)
    assert np.corrcoef(normalised(luminance, 10.0).ravel(), dark.ravel())[0, 1] > 0.98
