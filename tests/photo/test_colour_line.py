"""Grey, sepia and toned photographs: no colour in the hole that the photograph has not."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

import showface
from showface.images import read_image
from showface.masks import draw_free_form
from showface.photo.colour_line import LUMA, STRONG, colour_line, on_its_line
from showface.photo.decode import photo_of
from showface.photo.photograph import Photo
from showface.pipeline import FaceInpainter

FACES = sorted((Path(showface.__file__).parent / "release" / "samples" / "faces").glob("*.webp"))
faces = st.sampled_from(FACES).map(lambda path: np.asarray(read_image(path)))
tones = st.tuples(*[st.floats(0.75, 1.35)] * 3)


def toned(face: np.ndarray, tone: tuple[float, ...]) -> np.ndarray:
    """A face in one colour per brightness: each channel its own curve."""
    luma = (face @ LUMA / 255)[..., None]
    return np.round(255 * luma ** np.array(tone)).astype(np.uint8)


def photo(pixels: np.ndarray, mode: str = "RGB") -> Photo:
    return Photo(pixels=pixels, mode=mode, format="PNG")  # type: ignore[arg-type]


def completed(original: Photo, hole: np.ndarray, seed: int) -> Photo:
    """With random colours in the hole."""
    return original.filled(np.random.default_rng(seed).random((*hole.shape, 3)), hole)


def away_from(tone: tuple[float, ...], pixels: np.ndarray) -> np.ndarray:
    """How far colours lie from a tone's curve, in levels."""
    levels = np.linspace(0, 1, 1025)
    curve = 255 * levels[:, None] ** np.array(tone)
    nearest = np.searchsorted(curve @ LUMA, pixels @ LUMA).clip(0, 1024)
    return np.asarray(np.abs(pixels - curve[nearest]).max(axis=-1))


def known_brightness(result: Photo, original: Photo, hole: np.ndarray) -> np.ndarray:
    """Where it is neither the darkest nor the brightest: beyond what is known a curve can only be guessed."""
    luma, known = result.pixels @ LUMA, original.pixels[~hole] @ LUMA
    return np.asarray((luma > np.quantile(known, 0.02)) & (luma < np.quantile(known, 0.98)))


@given(face=faces, tone=tones, seed=st.integers(0, 999), quality=st.sampled_from([None, 70, 92]))
def test_55_every_tone_is_kept(face: np.ndarray, tone: tuple[float, ...], seed: int, quality: int | None) -> None:
    pixels = toned(face, tone)
    if quality is not None:
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
        pixels = np.asarray(Image.open(stream))
    hole = draw_free_form(np.random.default_rng(seed), 256, (0.05, 0.6))
    original = photo(pixels)
    line = colour_line(original, hole)
    assert line is not None and (line.width == 0 or quality is not None)
    result = on_its_line(completed(original, hole, seed), original, hole)
    assert np.array_equal(result.pixels[~hole], pixels[~hole])
    inner = hole & known_brightness(result, original, hole)
    assert np.quantile(away_from(tone, result.pixels[inner].astype(float)), 0.99) < (4 if quality is None else STRONG)


@given(face=faces, seed=st.integers(0, 999), dtype=st.sampled_from([np.uint8, np.uint16, np.float32]))
def test_55_grey_stays_grey_at_every_depth(face: np.ndarray, seed: int, dtype: type) -> None:
    grey = np.repeat(np.round(face @ LUMA)[..., None], 3, axis=2) / 255
    pixels = grey.astype(dtype) if dtype == np.float32 else np.round(grey * np.iinfo(dtype).max).astype(dtype)
    hole = draw_free_form(np.random.default_rng(seed), 256, (0.05, 0.4))
    result = on_its_line(completed(photo(pixels), hole, seed), photo(pixels), hole).pixels.astype(float)
    full = 1.0 if dtype == np.float32 else float(np.iinfo(dtype).max)
    assert np.ptp(result, axis=2).max() / full <= 1.01 / 255


@given(face=faces, seed=st.integers(0, 999), strength=st.floats(0.05, 0.5))
def test_55_a_strong_cast_lets_in_no_more_colour_than_there_is(face: np.ndarray, seed: int, strength: float) -> None:
    """Colours much weaker than they were, under blue light."""
    grey = (face @ LUMA)[..., None]
    pixels = np.round((grey + strength * (face - grey)) * (0.5, 0.7, 1.0)).clip(0, 255).astype(np.uint8)
    hole = draw_free_form(np.random.default_rng(seed), 256, (0.05, 0.4))
    line = colour_line(photo(pixels), hole)
    assume(line is not None)
    assert line is not None
    result = on_its_line(completed(photo(pixels), hole, seed), photo(pixels), hole)
    found = result.pixels[hole & known_brightness(result, photo(pixels), hole)].astype(float)
    away = np.abs(found - line.of(found)).max(axis=1)
    assert np.quantile(away, 0.99) <= line.width + 3


@pytest.mark.parametrize("face", FACES, ids=lambda path: path.stem)
def test_55_a_picture_in_colours_is_left_alone(face: Path) -> None:
    pixels = np.asarray(read_image(face))
    hole = np.zeros((256, 256), dtype=bool)
    hole[100:200, 60:200] = True
    assert colour_line(photo(pixels), hole) is None
    random = completed(photo(pixels), hole, 0)
    assert on_its_line(random, photo(pixels), hole) is random


def test_55_what_has_no_colours_or_too_few_pixels_is_left_alone() -> None:
    hole = np.zeros((20, 20), dtype=bool)
    hole[2:, :] = True
    assert colour_line(photo(np.zeros((20, 20, 1), np.uint8), "L"), hole) is None
    assert colour_line(photo(np.zeros((20, 20, 3), np.uint8)), hole) is None


def test_55_the_pipeline_gives_a_grey_photograph_no_colour(tiny_inpaint: FaceInpainter) -> None:
    pixels = np.repeat(np.round(np.asarray(read_image(FACES[0])) @ LUMA)[..., None], 3, axis=2).astype(np.uint8)
    hole = np.zeros((256, 256), dtype=bool)
    hole[170:210, 60:200] = True
    result = tiny_inpaint.restore(photo_of(Image.fromarray(pixels)), hole).photo.pixels
    assert np.ptp(result.astype(int), axis=2).max() <= 1 and not np.array_equal(result, pixels)
