"""Masks as people hand them over, faults.md 14: one threshold, whatever the file holds.

The threshold is half of the full scale (`masks.binarise`): 128 of 255, 32768 of 65535, above 0.5 of 1.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter

import showface
from showface.errors import MaskError
from showface.images import read_image
from showface.masks import binarise, draw_free_form, mask_of, read_mask

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


# ------------------------------------------------------------------ photographs in place of masks

FACES = sorted((Path(showface.__file__).parent / "release" / "samples" / "faces").glob("*.webp"))
faces = st.sampled_from(FACES).map(lambda path: read_image(path))


def toned(face: Image.Image, tone: str) -> Image.Image:
    if tone == "colour":
        return face
    levels = face.convert("L")
    if tone == "sepia":
        return Image.merge("RGB", [levels.point(lambda v, k=k: int(v * k)) for k in (1.0, 0.8, 0.6)])
    return levels.convert("RGB" if tone == "grey as RGB" else "L")


def painted(face: Image.Image, colour: str) -> Image.Image:
    face = face.copy()
    ImageDraw.Draw(face).ellipse((60, 90, 200, 220), fill=colour)
    return face


@pytest.mark.parametrize("tone", ["colour", "grey", "grey as RGB", "sepia"])
@pytest.mark.parametrize("paint", [None, "white", "red", "black"])
def test_52_a_photograph_is_no_mask(tone: str, paint: str | None) -> None:
    """All but one of the ten faces at least: one, dark and in sepia, has hardly more colours than a soft mask."""
    taken = []
    for path in FACES:
        picture = toned(read_image(path), tone)
        picture = painted(picture.convert("RGB"), paint) if paint else picture
        try:
            mask_of(picture)
            taken.append(path.name)
        except MaskError as error:
            assert "expected a mask of two colours, white where to fill in" in str(error)
    assert len(taken) <= (tone == "sepia"), taken


@given(
    seed=st.integers(0, 10_000), size=st.sampled_from([256, 512]), blur=st.sampled_from([0.0, 0.7, 1.5, 4.0, 12.0]),
    quality=st.sampled_from([None, 20, 75]), colour=st.sampled_from([(255, 255, 255), (255, 0, 0), (200, 220, 40)]),
)  # fmt: skip
def test_52_masks_may_be_soft_compressed_and_coloured(
    seed: int, size: int, blur: float, quality: int | None, colour: tuple[int, int, int]
) -> None:
    hole = draw_free_form(np.random.default_rng(seed), size, (0.02, 0.6))
    soft = Image.fromarray(hole).convert("L").filter(ImageFilter.GaussianBlur(blur * size / 256))
    mask = Image.merge("RGB", [soft.point(lambda v, c=c: v * c // 255) for c in colour])
    stream = io.BytesIO()
    mask.save(stream, "PNG" if quality is None else "JPEG", quality=quality or 75)
    found = mask_of(Image.open(stream))
    if not blur:
        assert (found != hole).mean() < 0.03


def test_53_what_was_erased_of_a_photograph_is_the_hole(tmp_path: Path) -> None:
    face = read_image(FACES[0]).convert("RGBA")
    alpha = np.full((256, 256), 255, np.uint8)
    alpha[100:150, 60:120] = 0
    face.putalpha(Image.fromarray(alpha))
    face.save(tmp_path / "erased.png")
    with pytest.warns(UserWarning, match="photograph with transparent parts; these are filled in") as said:
        found = read_mask(tmp_path / "erased.png")
    assert np.array_equal(found, alpha == 0) and len(said) == 1
    face.putalpha(255)
    with pytest.raises(MaskError, match="two colours"):
        mask_of(face)


def test_52_a_photograph_of_any_depth_is_no_mask() -> None:
    levels = np.asarray(read_image(FACES[1]).convert("L"))
    for values in (levels, levels.astype(np.uint16) * 257, levels / np.float32(255)):
        with pytest.raises(MaskError, match="two colours"):
            binarise(values)
