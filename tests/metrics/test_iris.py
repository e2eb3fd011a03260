from __future__ import annotations

import numpy as np
import pytest

from showface.metrics.cielab import cielab
from showface.metrics.iris import colour_distance, iris_centre, iris_colour

BROWN, BLUE, WHITE, SKIN = (96, 60, 30), (90, 120, 160), (225, 215, 210), (210, 160, 130)


def eye(
    iris: tuple[int, int, int] = BROWN, gaze: float = 0.0, size: int = 256, lid: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """A drawn eye in the middle of a face, and the pixels between its lids; `lid` lowers the upper one, in pixels."""
    ys, xs = (np.indices((size, size)) + 0.5 - size / 2) * 256 / size
    inside = (np.abs(xs / 14) ** 2 + np.abs(ys / 6) ** 2 < 1) & (ys > -6 + lid)
    pixels = np.full((size, size, 3), SKIN, dtype=np.uint8)
    pixels[inside] = WHITE
    from_iris = np.hypot(xs - gaze, ys)
    pixels[inside & (from_iris < 5.7)] = iris
    pixels[inside & (from_iris < 1.8)] = (10, 8, 8)
    pixels[np.hypot(xs - gaze + 2, ys + 2) < 1.3] = 255  # a reflection
    return pixels, inside


def of(colour: tuple[int, int, int]) -> np.ndarray:
    return cielab(np.array([colour], dtype=np.uint8))[0]


@pytest.mark.parametrize("iris", [BROWN, BLUE])
@pytest.mark.parametrize("gaze", [-5.0, 0.0, 4.0])
@pytest.mark.parametrize("lid", [0.0, 3.0])
def test_the_iris_is_found_wherever_it_looks(iris: tuple[int, int, int], gaze: float, lid: float) -> None:
    assert colour_distance(iris_colour(*eye(iris, gaze, lid=lid)), of(iris)) < 1


@pytest.mark.parametrize("size", [128, 512])
def test_at_other_sizes_too(size: int) -> None:
    assert colour_distance(iris_colour(*eye(BLUE, 3, size)), of(BLUE)) < 2


def test_an_iris_of_another_colour_is_far_away_and_a_mirrored_one_is_not() -> None:
    brown, blue = iris_colour(*eye(BROWN, 3)), iris_colour(*eye(BLUE, 3))
    mirrored = iris_colour(*(array[:, ::-1] for array in eye(BROWN, 3)))
    assert colour_distance(brown, blue) > 25 and colour_distance(brown, mirrored) == 0


def test_what_the_lids_hide_does_not_count() -> None:
    pixels, inside = eye(BLUE)
    pixels[~inside] = 0  # lashes as black as can be
    assert colour_distance(iris_colour(pixels, inside), of(BLUE)) < 1


def test_the_centre_of_a_dark_disc() -> None:
    ys, xs = np.indices((13, 31))
    lightness = np.where(np.hypot(ys - 6, xs - 19) <= 4, 20.0, 80.0)
    assert iris_centre(lightness, np.ones((13, 31), dtype=bool), 4.0) == (6.0, 19.0)


def test_no_eye_no_colour() -> None:
    pixels, inside = eye()
    assert np.isnan(iris_colour(pixels, np.zeros_like(inside))).all()
    speck = np.zeros_like(inside)
    speck[128, 128:130] = True
    assert np.isnan(iris_colour(pixels, speck)).all()
    assert np.isnan(colour_distance(iris_colour(pixels, speck), of(BROWN)))
