"""Masks as people hand them over, faults.md 14: one threshold, whatever the file holds.

The threshold is half of the full scale (`masks.binarise`): 128 of 255, 32768 of 65535, above 0.5 of 1.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from showface.errors import MaskError
from showface.masks import binarise, read_mask

HOLE = np.zeros((24, 32), bool)
HOLE[6:18, 8:22] = True
WHITE = HOLE.astype(np.uint8) * 255


def grey(values: np.ndarray) -> Image.Image:
    return Image.fromarray(values.astype(np.uint8))


def coloured(colour: tuple[int, int, int], mode: str = "RGB") -> Image.Image:
    return Image.fromarray(HOLE[..., None] * np.array(colour, np.uint8)).convert(mode)


def with_alpha(colours: np.ndarray, alpha: np.ndarray) -> Image.Image:
    picture = grey(colours)
    picture.putalpha(grey(alpha))
    return picture


def palette(background: int, hole: int, colours: list[int]) -> Image.Image:
    picture = Image.fromarray(np.where(HOLE, hole, background).astype(np.uint8), "P")
    picture.putpalette(colours)
    return picture


MASKS: dict[str, tuple[Image.Image, str]] = {
    "black and white": (grey(WHITE), "png"),
    "1 bit": (grey(WHITE).convert("1"), "png"),
    "1 bit tiff": (grey(WHITE).convert("1"), "tif"),
    "0 and 1": (grey(HOLE), "png"),
    "0 and 1 with 16 bits": (Image.fromarray(HOLE.astype(np.uint16)), "png"),
    "16 bits": (Image.fromarray(HOLE.astype(np.uint16) * 65535), "png"),
    "16 bits tiff": (Image.fromarray(HOLE.astype(np.uint16) * 65535), "tif"),
    "floats": (Image.fromarray(HOLE.astype(np.float32)), "tif"),
    "just above and below half": (grey(np.where(HOLE, 128, 127)), "png"),
    "16 bits just above and below half": (Image.fromarray(np.where(HOLE, 32768, 32767).astype(np.uint16)), "png"),
    "rgb": (coloured((255, 255, 255)), "png"),
    "red": (coloured((255, 0, 0)), "png"),
    "rgb webp": (coloured((255, 255, 255)), "webp"),
    "bmp": (grey(WHITE), "bmp"),
    "opaque rgba": (grey(WHITE).convert("RGBA"), "png"),
    "alpha only, colour black": (with_alpha(np.zeros_like(WHITE), WHITE), "png"),
    "alpha only, colour white": (with_alpha(np.full_like(WHITE, 255), WHITE), "png"),
    "painted white on transparent": (with_alpha(WHITE, WHITE), "png"),
    "palette": (palette(0, 1, [0, 0, 0, 255, 255, 255]), "png"),
    "palette with white first": (palette(1, 0, [255, 255, 255, 0, 0, 0]), "png"),
    "palette of a labelling tool": (palette(0, 1, [0, 0, 0, 128, 0, 0]), "png"),
    "inks": (coloured((255, 255, 255), "CMYK"), "tif"),
}


@pytest.mark.parametrize("kind", MASKS)
def test_14_every_kind_of_mask_is_the_same_hole(tmp_path: Path, kind: str) -> None:
    picture, suffix = MASKS[kind]
    path = tmp_path / f"mask.{suffix}"
    picture.save(path, **({"lossless": True} if suffix == "webp" else {}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(read_mask(path), HOLE)


@pytest.mark.parametrize("quality", [20, 50, 95])
def test_14_a_jpeg_mask_loses_its_noise(tmp_path: Path, quality: int) -> None:
    grey(WHITE).save(tmp_path / "mask.jpg", quality=quality)
    stored = np.asarray(Image.open(tmp_path / "mask.jpg"))
    assert len(np.unique(stored)) > 2  # there is noise to lose
    assert np.array_equal(read_mask(tmp_path / "mask.jpg"), HOLE)


def test_14_a_soft_brush_is_cut_at_half(tmp_path: Path) -> None:
    soft = grey(WHITE).filter(ImageFilter.GaussianBlur(2))
    soft.save(tmp_path / "mask.png")
    assert np.array_equal(read_mask(tmp_path / "mask.png"), np.asarray(soft) >= 128)


def test_14_a_mask_is_turned_like_its_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    grey(WHITE).save(tmp_path / "mask.png", exif=exif)
    assert np.array_equal(read_mask(tmp_path / "mask.png"), np.rot90(HOLE, -1))


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32, np.float64])
def test_14_arrays_of_0_and_1_of_any_type(dtype: type) -> None:
    assert np.array_equal(binarise(HOLE.astype(dtype)), HOLE)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (HOLE.astype(np.float32) * 255, r"float mask in \[0, 1\]"),
        (np.where(HOLE, np.nan, 0), r"float mask in \[0, 1\]"),
        (HOLE.astype(np.int64) * 255, "0 and 1 only"),
        (HOLE.astype(complex), "bool, integers or floats"),
        (np.zeros((4, 4, 5), np.uint8), r"1 to 4 channels"),
    ],
)
def test_14_what_has_no_clear_meaning_is_refused(values: np.ndarray, reason: str) -> None:
    with pytest.raises(MaskError, match=reason):
        binarise(values)


def test_14_damaged_masks_are_refused_with_their_name(tmp_path: Path) -> None:
    stream = io.BytesIO()
    grey(WHITE).save(stream, "PNG")
    for content in (b"", b"no", stream.getvalue()[:-20]):
        (tmp_path / "mask.png").write_bytes(content)
        with pytest.raises(Exception, match=r"mask\.png: ") as caught:
            read_mask(tmp_path / "mask.png")
        assert getattr(caught.value, "exit_code", None) == 2 and "\n" not in str(caught.value)
