"""Angles of known colours, and CIELAB as scikit-image has it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.color import lab2rgb, rgb2lab

from showface.evaluation.groups.skin_tone import TONES, skin_angle, tone_of
from showface.metrics.cielab import cielab


def picture(lab: tuple[float, float, float], side: int = 8) -> np.ndarray:
    """A square of one colour, given in CIELAB."""
    colour = lab2rgb(np.array(lab, dtype=np.float64).reshape(1, 1, 3))
    return np.broadcast_to(np.round(255 * colour).astype(np.uint8), (side, side, 3)).copy()


def test_cielab_is_that_of_scikit_image() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (500, 3)).astype(np.uint8)
    colours[:3] = ((0, 0, 0), (255, 255, 255), (1, 2, 3))
    assert np.abs(cielab(colours) - rgb2lab(colours[None])[0]).max() < 0.02


@pytest.mark.parametrize(
    ("lightness", "yellow", "tone"),
    [(75, 15, "very light"), (70, 19, "light"), (64, 19, "intermediate"), (57, 18, "tan"), (48, 16, "brown"),
     (30, 12, "dark")],
)  # fmt: skip
def test_the_six_classes(lightness: float, yellow: float, tone: str) -> None:
    pixels = picture((lightness, 12, yellow))
    angle = skin_angle(pixels, np.ones((8, 8), dtype=bool))
    assert angle == pytest.approx(math.degrees(math.atan((lightness - 50) / yellow)), abs=2)
    assert tone_of(angle) == tone


def test_classes_are_told_apart_at_the_published_angles() -> None:
    assert [tone_of(angle) for angle in (55.1, 55.0, 41.0, 28.0, 10.0, -30.0)] == list(TONES)
    assert tone_of(math.nan) == ""


def test_only_skin_counts_and_a_few_lights_do_not() -> None:
    pixels, skin = picture((60, 12, 18)), np.zeros((8, 8), dtype=bool)
    skin[2:6, 2:6] = True
    plain = skin_angle(pixels, skin)
    pixels[~skin] = (0, 0, 255)
    pixels[2, 2:6] = 255  # a quarter of the skin shines
    assert skin_angle(pixels, skin) == pytest.approx(plain, abs=0.5)
    assert math.isnan(skin_angle(pixels, np.zeros_like(skin)))


def test_bluish_light_does_not_turn_light_skin_dark() -> None:
    for lightness, tone in ((75, "very light"), (30, "dark")):
        assert tone_of(skin_angle(picture((lightness, 5, -4)), np.ones((8, 8), dtype=bool))) == tone
