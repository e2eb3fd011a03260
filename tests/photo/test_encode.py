from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from showface.errors import ImageError, MaskError, NonFiniteError, SettingError
from showface.images import Held
from showface.photo.decode import decode
from showface.photo.encode import HOLDS, encode, encoded, refuse_unwritable
from showface.photo.metadata import Metadata
from showface.photo.photograph import CHANNELS, Mode, Photo

RNG = np.random.default_rng(0)
LOSSLESS = [
    (form, mode, bits)
    for form in ("PNG", "WEBP", "TIFF", "BMP")
    for mode in HOLDS[form][0]
    for bits in HOLDS[form][1]
    if (bits < 32 or mode == "L") and (form, mode, bits) != ("TIFF", "LA", 16)
]
DTYPES = {8: np.uint8, 16: np.uint16, 32: np.float32}


def pixels_of(mode: Mode, bits: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).random((height, width, CHANNELS[mode]))
    return (values if bits == 32 else values * (2**bits - 1)).astype(DTYPES[bits])


def smooth(height: int, width: int, noise: float = 3) -> np.ndarray:
    """Something like a photograph: slopes and a little grain."""
    small = Image.fromarray(RNG.integers(40, 216, (4, 5, 3), dtype=np.uint8)).resize((width, height))
    return np.clip(np.asarray(small) + RNG.normal(0, noise, (height, width, 3)), 0, 255).astype(np.uint8)


def square(height: int, width: int) -> np.ndarray:
    hole = np.zeros((height, width), bool)
    hole[height // 3 : height // 2, width // 3 : width // 2] = True
    return hole


# ------------------------------------------------------------------ bit-equal


@settings(max_examples=60)
@given(
    kind=st.sampled_from(LOSSLESS),
    size=st.sampled_from([(1, 1), (1, 37), (37, 1), (7, 5), (13, 17), (64, 31)]),
    seed=st.integers(0, 1000),
)
def test_whatever_is_no_hole_is_bit_equal_in_every_lossless_mode_and_format(
    tmp_path_factory: pytest.TempPathFactory, kind: tuple[str, Mode, int], size: tuple[int, int], seed: int
) -> None:
    form, mode, bits = kind
    folder = tmp_path_factory.mktemp("equal")
    before, after = folder / f"in.{form.lower()}", folder / f"out.{form.lower()}"
    encode(Photo(pixels=pixels_of(mode, bits, *size, seed), mode=mode, format=form), before)
    photo = decode(before)
    assert np.array_equal(photo.pixels, pixels_of(mode, bits, *size, seed))
    assert (photo.mode, photo.format) == (mode, form)
    hole = np.random.default_rng(seed).random(size) < 0.3
    completed = np.random.default_rng(seed + 1).integers(0, 256, (*size, 3), dtype=np.uint8)
    encode(photo.filled(completed, hole), after)
    result = decode(after)
    assert (result.mode, result.pixels.dtype) == (photo.mode, photo.pixels.dtype)
    assert np.array_equal(result.pixels[~hole], photo.pixels[~hole])
    if mode in ("RGB", "RGBA"):
        assert np.array_equal(result.rgb()[hole], completed[hole])
    if mode in ("LA", "RGBA"):
        assert np.array_equal(result.pixels[..., -1], photo.pixels[..., -1])


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP", "JPEG"])
def test_a_very_long_picture_keeps_its_size(tmp_path: Path, form: str) -> None:
    photo = Photo(pixels=pixels_of("RGB", 8, 2, 20000), mode="RGB", format=form)
    encode(photo, tmp_path / "long", format=form)
    assert decode(tmp_path / "long").pixels.shape == (2, 20000, 3)


def test_a_side_too_long_for_the_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="a WEBP file holds at most 16,383 pixels a side, found 20000 x 2"):
        encode(Photo(pixels=pixels_of("RGB", 8, 2, 20000), mode="RGB", format="WEBP"), tmp_path / "long.webp")
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------ filling


def test_completed_values_are_scaled_to_the_depth_of_the_photo() -> None:
    hole = np.ones((1, 1), bool)
    grey = np.full((1, 1, 3), 128, np.uint8)
    assert Photo(pixels=pixels_of("RGB", 16, 1, 1), mode="RGB", format="PNG").filled(grey, hole).pixels.tolist() == [
        [[128 * 257] * 3]
    ]
    fine = np.full((1, 1, 3), 0.5001, np.float32)
    deep = Photo(pixels=pixels_of("RGB", 16, 1, 1), mode="RGB", format="PNG").filled(fine, hole)
    assert deep.pixels.tolist() == [[[round(0.5001 * 65535)] * 3]]
    bright = Photo(pixels=pixels_of("L", 32, 1, 1), mode="L", format="TIFF").filled(grey, hole)
    assert bright.pixels[0, 0, 0] == pytest.approx(128 / 255)


def test_grey_takes_the_luminance_and_alpha_stays() -> None:
    red = np.zeros((2, 2, 3), np.uint8) + np.array([255, 0, 0], np.uint8)
    photo = Photo(pixels=np.full((2, 2, 2), 7, np.uint8), mode="LA", format="PNG")
    filled = photo.filled(red, np.eye(2, dtype=bool))
    assert filled.pixels.tolist() == [[[76, 7], [7, 7]], [[7, 7], [76, 7]]]
    assert photo.pixels.max() == 7  # the photo itself is not changed


def test_inks_come_back_as_the_colour_that_was_asked_for() -> None:
    photo = Photo(pixels=np.full((4, 4, 4), 9, np.uint8), mode="CMYK", format="TIFF")
    completed = RNG.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    hole = np.eye(4, dtype=bool)
    filled = photo.filled(completed, hole)
    assert np.abs(filled.rgb()[hole].astype(int) - completed[hole]).max() <= 1
    assert (filled.pixels[~hole] == 9).all()
    damaged = replace(photo, metadata=Metadata(icc_profile=b"not a profile"))
    assert np.array_equal(damaged.filled(completed, hole).pixels, filled.pixels)


def test_a_region_is_put_where_its_corner_says() -> None:
    photo = Photo(pixels=pixels_of("RGB", 8, 9, 8), mode="RGB", format="PNG")
    filled = photo.filled(np.full((2, 3, 3), 5, np.uint8), np.ones((2, 3), bool), corner=(4, 1))
    changed = np.zeros((9, 8), bool)
    changed[4:6, 1:4] = True
    assert (filled.pixels[changed] == 5).all() and np.array_equal(filled.pixels[~changed], photo.pixels[~changed])
    assert np.array_equal(filled.rgb((1, 4, 4, 6)), np.full((2, 3, 3), 5))
    with pytest.raises(MaskError, match="a region within 8 x 9 pixels, found 3 x 2 at left 6, top 4"):
        photo.filled(np.zeros((2, 3, 3), np.uint8), np.ones((2, 3), bool), corner=(4, 6))


def test_nan_in_the_hole_is_refused_and_beside_it_does_not_matter() -> None:
    photo = Photo(pixels=pixels_of("RGB", 8, 2, 2), mode="RGB", format="PNG")
    completed = np.zeros((2, 2, 3), np.float32)
    completed[0, 0] = np.nan
    hole = np.zeros((2, 2), bool)
    hole[1, 1] = True
    assert photo.filled(completed, hole).pixels[1, 1].tolist() == [0, 0, 0]
    with pytest.raises(NonFiniteError, match="NaN"):
        photo.filled(completed, ~hole)


# ------------------------------------------------------------------ JPEG


def jpeg_photo(folder: Path, **options: object) -> Photo:
    Image.fromarray(smooth(200, 240)).save(folder / "in.jpg", **options)
    return decode(folder / "in.jpg")


@pytest.mark.parametrize("options", [{"quality": 90, "subsampling": 0}, {"quality": 80}, {"quality": 95}])
def test_known_pixels_of_a_jpeg_hardly_move(tmp_path: Path, options: dict[str, int]) -> None:
    """Away from the hole's blocks nearly all are bit-equal; the numbers for real photographs are in docs/photos.md."""
    photo = jpeg_photo(tmp_path, **options)
    hole = square(200, 240)
    filled = photo.filled(RNG.integers(0, 256, (200, 240, 3), dtype=np.uint8), hole)
    encode(filled, tmp_path / "out.jpg")
    encode(filled, tmp_path / "other.jpg", quality=75)
    away = np.ones_like(hole)
    away[200 // 3 - 16 : 100 + 16, 80 - 16 : 120 + 16] = False
    moved, other = (
        np.abs(decode(tmp_path / name).pixels.astype(int) - photo.pixels)[away] for name in ("out.jpg", "other.jpg")
    )
    assert (moved == 0).mean() > 0.9 and moved.max() <= 5
    assert moved.mean() < other.mean() / 10


def test_a_jpeg_is_compressed_as_it_was(tmp_path: Path) -> None:
    photo = jpeg_photo(tmp_path, quality=62, subsampling=1, progressive=True)
    encode(photo.filled(np.zeros((200, 240, 3), np.uint8), square(200, 240)), tmp_path / "out.jpg")
    assert decode(tmp_path / "out.jpg").jpeg == photo.jpeg
    encode(photo, tmp_path / "asked.jpg", quality=30)
    assert decode(tmp_path / "asked.jpg").jpeg != photo.jpeg


def test_quality_makes_webp_lossy_and_is_refused_where_it_means_nothing(tmp_path: Path) -> None:
    photo = Photo(pixels=smooth(64, 64, 20), mode="RGB", format="PNG")
    encode(photo, tmp_path / "a.webp")
    encode(photo, tmp_path / "b.webp", quality=50)
    assert (tmp_path / "b.webp").stat().st_size < (tmp_path / "a.webp").stat().st_size / 4
    for name, quality in (("a.png", 90), ("a.jpg", 0), ("a.jpg", 101)):
        with pytest.raises(SettingError, match="expected a quality from 1 to 100"):
            encode(photo, tmp_path / name, quality=quality)


def test_an_unchanged_photo_is_written_byte_for_byte(tmp_path: Path) -> None:
    photo = jpeg_photo(tmp_path, quality=80)
    unchanged = photo.filled(np.zeros((200, 240, 3), np.uint8), np.zeros((200, 240), bool))
    encode(unchanged, tmp_path / "out.jpg")
    assert (tmp_path / "out.jpg").read_bytes() == (tmp_path / "in.jpg").read_bytes()
    (tmp_path / "in.jpg").write_bytes(b"replaced meanwhile")
    encode(photo, tmp_path / "again.jpg")
    assert decode(tmp_path / "again.jpg").pixels.shape == photo.pixels.shape


# ------------------------------------------------------------------ metadata


def profile(name: str) -> bytes:
    """sRGB's profile under another name, as Display P3's and Adobe RGB's are only other numbers."""
    body = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return body.replace("sRGB built-in".encode("utf-16-be"), name.ljust(13).encode("utf-16-be"))


def full_metadata(name: str = "Display P3") -> Metadata:
    exif = Image.Exif()
    exif[271], exif[256] = "Maker", 4000
    exif.get_ifd(34665)[37386] = 50.0
    exif.get_ifd(34853)[2] = (51.0, 30.0, 1.5)
    return Metadata(icc_profile=profile(name), exif=exif.tobytes()[6:], xmp=b"<x>hello</x>", dpi=(300.0, 300.0))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "HEIC"])
def test_metadata_goes_through_every_format(tmp_path: Path, form: str, bits: int) -> None:
    if form == "HEIC":
        pytest.importorskip("pillow_heif")
    if bits not in HOLDS[form][1]:
        pytest.skip("the format has no such depth")
    photo = Photo(pixels=pixels_of("RGB", bits, 16, 16), mode="RGB", format=form, metadata=full_metadata())
    encode(photo, tmp_path / "a", format=form)
    found = decode(tmp_path / "a").metadata
    assert found.icc_profile == photo.metadata.icc_profile and found.xmp == photo.metadata.xmp
    assert form in ("WEBP", "HEIC") or found.dpi == pytest.approx((300, 300), abs=0.01)
    exif = Image.Exif()
    assert found.exif is not None
    exif.load(found.exif)
    assert exif[271] == "Maker" and exif.get_ifd(34665)[37386] == 50.0
    assert exif.get_ifd(34853)[2] == (51.0, 30.0, 1.5)


def test_png_keeps_what_its_values_mean(tmp_path: Path) -> None:
    gamma = ((b"gAMA", b"\0\0\xb1\x8f"),)
    for bits in (8, 16):
        photo = Photo(
            pixels=pixels_of("RGB", bits, 4, 4), mode="RGB", format="PNG", metadata=Metadata(colour_chunks=gamma)
        )
        encode(photo, tmp_path / f"{bits}.png")
        assert decode(tmp_path / f"{bits}.png").metadata.colour_chunks == gamma


@pytest.mark.parametrize("name", ["Display P3", "Adobe RGB"])
def test_strip_metadata_drops_all_and_warns_of_other_colours(tmp_path: Path, name: str) -> None:
    photo = Photo(pixels=pixels_of("RGB", 8, 16, 16), mode="RGB", format="PNG", metadata=full_metadata(name))
    for form in ("PNG", "JPEG", "WEBP", "TIFF"):
        with pytest.warns(UserWarning, match=rf"without its profile \({name}\) the colours"):
            encode(photo, tmp_path / form, format=form, strip_metadata=True)
        assert decode(tmp_path / form).metadata == Metadata()
        assert b"Maker" not in (tmp_path / form).read_bytes()
    plain = replace(photo, metadata=full_metadata("sRGB built-in"))
    encode(plain, tmp_path / "plain.png", strip_metadata=True)  # no warning
    assert decode(tmp_path / "plain.png").metadata == Metadata()


def test_stripping_an_unchanged_photo_does_not_copy_its_file(tmp_path: Path) -> None:
    encode(
        Photo(pixels=smooth(16, 16), mode="RGB", format="JPEG", metadata=full_metadata("sRGB b")), tmp_path / "a.jpg"
    )
    encode(decode(tmp_path / "a.jpg"), tmp_path / "b.jpg", strip_metadata=True)
    assert b"Maker" not in (tmp_path / "b.jpg").read_bytes()


def test_metadata_too_long_for_a_jpeg_is_left_out_with_a_warning(tmp_path: Path) -> None:
    photo = Photo(
        pixels=smooth(8, 8), mode="RGB", format="PNG", metadata=Metadata(xmp=b"x" * 70_000, icc_profile=b"p" * 200_000)
    )
    with pytest.warns(UserWarning, match="XMP of 70,000 bytes is too long for a JPEG"):
        encode(photo, tmp_path / "a.jpg")
    assert decode(tmp_path / "a.jpg").metadata == Metadata(icc_profile=b"p" * 200_000)


# ------------------------------------------------------------------ other formats


def test_what_a_format_cannot_hold_is_converted_with_a_warning(tmp_path: Path) -> None:
    deep = Photo(pixels=np.full((8, 8, 4), 200 * 257, np.uint16), mode="RGBA", format="PNG")
    with pytest.warns(UserWarning, match="JPEG cannot hold alpha or 16-bit values"):
        encode(deep, tmp_path / "a.jpg")
    assert decode(tmp_path / "a.jpg").pixels[4, 4].tolist() == [200, 200, 200]
    inks = Photo(pixels=np.full((8, 8, 4), (0, 255, 255, 0), np.uint8), mode="CMYK", format="TIFF")
    with pytest.warns(UserWarning, match="PNG cannot hold inks"):
        encode(inks, tmp_path / "inks.png")
    assert decode(tmp_path / "inks.png").pixels[0, 0].tolist() == [255, 0, 0]
    grey = Photo(pixels=np.full((8, 8, 1), 0.5, np.float32), mode="L", format="TIFF")
    with pytest.warns(UserWarning, match="PNG cannot hold 32-bit values"):
        encode(grey, tmp_path / "grey.png")
    assert decode(tmp_path / "grey.png").pixels[0, 0].tolist() == [32768]
    encode(Photo(pixels=np.full((8, 8, 1), 9, np.uint8), mode="L", format="PNG"), tmp_path / "grey.webp")  # no loss
    assert decode(tmp_path / "grey.webp").pixels[0, 0].tolist() == [9, 9, 9]
    pair = Photo(pixels=np.full((8, 8, 2), (900, 65535), np.uint16), mode="LA", format="PNG")
    encode(pair, tmp_path / "pair.tif")
    assert decode(tmp_path / "pair.tif").pixels[0, 0].tolist() == [900, 900, 900, 65535]


def test_heic_is_close(tmp_path: Path) -> None:
    pytest.importorskip("pillow_heif")
    photo = Photo(pixels=smooth(64, 96), mode="RGB", format="HEIC")
    encode(photo, tmp_path / "a.heic")
    assert np.abs(decode(tmp_path / "a.heic").pixels.astype(int) - photo.pixels).mean() < 2


def test_the_name_decides_the_format_unless_one_is_asked_for(tmp_path: Path) -> None:
    photo = Photo(pixels=smooth(8, 8), mode="RGB", format="PNG")
    encode(photo, tmp_path / "UPPER.JPG")
    encode(photo, tmp_path / "no ending", format="tiff")
    assert decode(tmp_path / "UPPER.JPG").format == "JPEG" and decode(tmp_path / "no ending").format == "TIFF"
    with pytest.raises(ImageError, match=r"a\.png: is a name for PNG, but JPEG was asked for"):
        encode(photo, tmp_path / "a.png", format="JPEG")
    with pytest.raises(SettingError, match="unknown format 'JPG'; did you mean 'JPEG'"):
        encode(photo, tmp_path / "a", format="jpg")
    for name, reason in (("a.gif", r"found \.gif"), ("a", "found none")):
        with pytest.raises(ImageError, match=reason):
            refuse_unwritable(tmp_path / name)


def test_a_failed_write_leaves_nothing_and_keeps_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    photo = Photo(pixels=smooth(8, 8), mode="RGB", format="PNG")
    (tmp_path / "a.png").write_bytes(b"precious")
    monkeypatch.setattr(os, "fsync", full)
    for form in ("PNG", "JPEG", "WEBP", "TIFF", "BMP"):
        with pytest.raises(ImageError, match="b: cannot be written: No space left"):
            encode(photo, tmp_path / "b", format=form)
    with pytest.raises(ImageError, match="No space left"):
        encode(photo, tmp_path / "a.png", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"precious"


def test_a_photo_is_seen_through_pillow_in_its_own_mode() -> None:
    assert Photo(pixels=pixels_of("L", 16, 3, 2), mode="L", format="PNG").picture().mode == "L"
    inks = Photo(pixels=pixels_of("CMYK", 8, 3, 2), mode="CMYK", format="TIFF")
    assert inks.picture().mode == "CMYK" and np.array_equal(inks.picture(), inks.pixels)
    stream = io.BytesIO()
    Photo(pixels=pixels_of("LA", 8, 3, 2), mode="LA", format="PNG").picture().save(stream, "PNG")
    assert stream.tell() > 0


# ------------------------------------------------------------------ in memory


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_in_memory_the_same_bytes_come_and_go_as_in_files(tmp_path: Path, form: str) -> None:
    photo = Photo(pixels=smooth(40, 50), mode="RGB", format=form)
    encode(photo, tmp_path / "a", format=form)
    content = encoded(photo)
    assert content == (tmp_path / "a").read_bytes()
    held, read = decode(Held("upload", content)), decode(tmp_path / "a")
    np.testing.assert_array_equal(held.pixels, read.pixels)
    assert held.source is None and (held.format, held.mode, held.jpeg) == (read.format, read.mode, read.jpeg)


def test_in_memory_the_same_is_refused_as_in_files() -> None:
    photo = Photo(pixels=smooth(4, 5), mode="RGB", format="PNG")
    with pytest.raises(SettingError, match="did you mean 'JPEG'"):
        encoded(photo, format="jpg")
    with pytest.raises(SettingError, match="quality"):
        encoded(photo, quality=50)
    with pytest.raises(ImageError, match=r"upload: .*found other data"):
        decode(Held("upload", b"GIF89a and so on"))
