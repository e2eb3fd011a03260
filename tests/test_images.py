from __future__ import annotations

import contextlib
import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from showface.errors import ImageError, NonFiniteError
from showface.images import (
    FORMATS,
    SUFFIXES,
    from_unit,
    read_image,
    resize_image,
    rgb,
    to_tensor,
    to_uint8,
    to_unit,
    write_image,
)

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
PICTURE = Image.fromarray(PIXELS)


def encoded(picture: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


# ------------------------------------------------------------------ ranges


def test_every_level_survives_the_way_through_a_tensor() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    assert np.array_equal(to_uint8(to_tensor(levels))[0], levels)
    assert np.array_equal(to_uint8(to_tensor(Image.fromarray(levels)))[0], levels)


def test_to_tensor_known_values() -> None:
    tensor = to_tensor(np.array([[[0, 255, 51]]], dtype=np.uint8))
    assert tensor.shape == (1, 3, 1, 1)
    assert torch.allclose(tensor.flatten(), torch.tensor([-1.0, 1.0, -0.6]))


def test_to_uint8_clips_and_rounds() -> None:
    image = torch.tensor([-3.0, 3.0, 0.0]).reshape(1, 3, 1, 1)
    assert to_uint8(image).tolist() == [[[[0, 255, 128]]]]  # 127.5 rounds to even, never truncates
    just_below = torch.full((1, 3, 1, 1), 2 * 99.9 / 255 - 1)
    assert to_uint8(just_below).flatten().tolist() == [100, 100, 100]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_no_picture_is_made_of_non_finite_values(bad: float) -> None:
    with pytest.raises(NonFiniteError, match="finite"):
        to_uint8(torch.full((1, 3, 2, 2), bad))


def test_unit_and_back() -> None:
    x = torch.linspace(-1, 1, 5)
    assert torch.equal(to_unit(x), torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]))
    assert torch.equal(from_unit(to_unit(x)), x)


# ------------------------------------------------------------------ reading


@pytest.mark.parametrize("form", FORMATS)
def test_reads_every_allowed_format_by_content(tmp_path: Path, form: str) -> None:
    path = tmp_path / "named.txt"
    path.write_bytes(encoded(PICTURE, form, **({"lossless": True} if form == "WEBP" else {})))
    picture = read_image(path)
    assert picture.mode == "RGB" and picture.size == (7, 9)
    if form != "JPEG":
        assert np.array_equal(np.asarray(picture), PIXELS)


@pytest.mark.parametrize("form", ["GIF", "PPM", "EPS", "PDF", "TGA", "ICO"])
def test_other_formats_are_refused(tmp_path: Path, form: str) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(encoded(PICTURE, form))
    with pytest.raises(ImageError, match=r"picture\.png: expected a picture \(PNG, JPEG"):
        read_image(path)


NO_PICTURES = [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\x00", b"BM", b"<svg/>"]


@pytest.mark.parametrize("content", NO_PICTURES)
@pytest.mark.filterwarnings("ignore:.*EXIF.*:UserWarning")
def test_what_is_no_picture_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"bad\.png: ."):
        read_image(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"none\.png: No such file"):
        read_image(tmp_path / "none.png")
    with pytest.raises(ImageError, match="directory"):
        read_image(tmp_path)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_truncated_picture_is_refused_wherever_it_ends(tmp_path: Path, form: str) -> None:
    big = Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 30, 3), dtype=np.uint8))
    whole = encoded(big, form)
    path = tmp_path / "cut"
    for end in range(0, len(whole) - 40, max(1, len(whole) // 40)):
        path.write_bytes(whole[:end])
        with pytest.raises(ImageError, match="cut: "):
            read_image(path)


def test_every_flipped_byte_of_a_png_is_noticed(tmp_path: Path) -> None:
    whole = encoded(PICTURE, "PNG")
    path = tmp_path / "flipped.png"
    for place in range(8, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with contextlib.suppress(ImageError):
            assert np.array_equal(np.asarray(read_image(path)), PIXELS), f"byte {place} changed the picture unnoticed"


def test_a_bomb_is_refused_before_decoding(tmp_path: Path) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0))
    path = tmp_path / "bomb.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))
    with pytest.raises(ImageError, match=r"50000 x 50000 pixels are more than the limit of 200,000,000"):
        read_image(path)


def test_the_pixel_limit_can_be_lowered(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", PICTURE)
    assert read_image(tmp_path / "a.png", pixel_limit=63).size == (7, 9)
    with pytest.raises(ImageError, match="7 x 9"):
        read_image(tmp_path / "a.png", pixel_limit=62)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("tag", [*range(1, 9), 99])
def test_exif_orientation_is_applied_once(tmp_path: Path, tag: int, suffix: str) -> None:
    """Stored as a camera would store the upright picture under `tag`; read back it is the upright picture."""
    turns = {
        2: lambda x: x[:, ::-1], 3: lambda x: x[::-1, ::-1], 4: lambda x: x[::-1], 5: lambda x: x.transpose(1, 0, 2),
        6: lambda x: np.rot90(x, 1), 7: lambda x: np.rot90(x, 2).transpose(1, 0, 2), 8: lambda x: np.rot90(x, -1),
    }  # fmt: skip
    stored = Image.fromarray(np.ascontiguousarray(turns.get(tag, lambda x: x)(PIXELS)))
    exif = Image.Exif()
    exif[274] = tag
    path = tmp_path / f"turned.{suffix}"
    stored.save(path, exif=exif)
    upright = read_image(path)
    assert np.array_equal(np.asarray(upright), PIXELS)
    assert 274 not in upright.getexif()
    write_image(tmp_path / "again.png", upright)
    assert np.array_equal(np.asarray(read_image(tmp_path / "again.png")), PIXELS)


# ------------------------------------------------------------------ modes


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    values = np.array([[0, 257, 128 * 257, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    assert np.asarray(read_image(tmp_path / "deep.png"))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_float_pictures_are_read_in_0_to_1_and_refused_beyond(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0.0, 0.5, 1.0]], dtype=np.float32)).save(tmp_path / "float.tif")
    assert np.asarray(read_image(tmp_path / "float.tif"))[0, :, 0].tolist() == [0, 128, 255]
    for beyond in (255.0, np.nan, -0.1):
        Image.fromarray(np.array([[0.0, beyond]], dtype=np.float32)).save(tmp_path / "beyond.tif")
        with pytest.raises(ImageError, match=r"expected floats in \[0, 1\]"):
            read_image(tmp_path / "beyond.tif")


RED = (200, 10, 20)


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (Image.new("RGBA", (2, 2), (*RED, 0)), RED),
        (Image.new("L", (2, 2), 77), (77, 77, 77)),
        (Image.new("LA", (2, 2), (77, 3)), (77, 77, 77)),
        (Image.new("1", (2, 2), 1), (255, 255, 255)),
        (Image.new("CMYK", (2, 2), (0, 255, 255, 0)), (255, 0, 0)),
        (Image.new("RGB", (2, 2), RED).quantize(4), RED),
        (Image.new("I", (2, 2), 65535), (255, 255, 255)),
    ],
)
def test_every_mode_becomes_the_right_rgb(picture: Image.Image, expected: tuple[int, int, int]) -> None:
    assert rgb(picture).mode == "RGB"
    assert rgb(picture).getpixel((1, 1)) == expected


def test_palette_with_transparency(tmp_path: Path) -> None:
    palette = Image.new("RGB", (2, 2), RED).quantize(4)
    palette.save(tmp_path / "palette.png", transparency=b"\x00\x80\xff\xff")
    assert read_image(tmp_path / "palette.png").getpixel((0, 0)) == RED


def test_a_mode_without_a_way_to_rgb_is_refused() -> None:
    with pytest.raises(ImageError, match="mode La"):
        rgb(Image.new("La", (2, 2)))


def test_an_animation_gives_its_first_frame_with_a_warning(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), RED), Image.new("RGB", (4, 4))]
    frames[0].save(tmp_path / "moving.png", save_all=True, append_images=frames[1:])
    with pytest.warns(UserWarning, match="several frames"):
        assert read_image(tmp_path / "moving.png").getpixel((0, 0)) == RED


# ------------------------------------------------------------------ writing


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_what_is_written_is_read_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix.upper()}"
    write_image(path, PICTURE)
    with Image.open(path) as written:
        assert written.format == SUFFIXES[suffix]
    if SUFFIXES[suffix] != "JPEG":
        assert np.array_equal(np.asarray(read_image(path)), PIXELS)


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "kept.png"
    path.write_bytes(b"precious")
    with pytest.raises(ImageError, match=r"kept\.png: exists already"):
        write_image(path, PICTURE)
    assert path.read_bytes() == b"precious"
    write_image(path, PICTURE, overwrite=True)
    assert np.array_equal(np.asarray(read_image(path)), PIXELS)


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ImageError, match="No space left"):
        write_image(tmp_path / "out.png", PICTURE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "reason"), [("out.gif", r"found \.gif"), ("out", "found none"), ("no/out.png", "No such")]
)
def test_what_cannot_be_written_is_said(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        write_image(tmp_path / name, PICTURE)


def test_jpeg_and_bmp_take_any_mode(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.bmp"):
        write_image(tmp_path / name, Image.new("RGBA", (3, 3), (*RED, 9)))
        assert read_image(tmp_path / name).size == (3, 3)


def test_the_colour_profile_is_kept(tmp_path: Path) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    PICTURE.save(tmp_path / "in.png", icc_profile=profile)
    for name in ("out.png", "out.jpg", "out.webp", "out.tif"):
        write_image(tmp_path / name, read_image(tmp_path / "in.png"))
        assert read_image(tmp_path / name).info["icc_profile"] == profile, name


# ------------------------------------------------------------------ sizes


def test_resize_takes_a_side_or_height_and_width_and_a_box() -> None:
    assert resize_image(PICTURE, 4).size == (4, 4)
    assert resize_image(PICTURE, (3, 5)).size == (5, 3)
    half = Image.fromarray(np.concatenate([np.zeros((4, 4, 3)), np.full((4, 4, 3), 255)], 1).astype(np.uint8))
    assert np.asarray(resize_image(half, 4, box=(4, 0, 8, 4))).min() == 255


def test_resize_is_antialiased() -> None:
    stripes = Image.fromarray(np.tile(np.array([0, 255], dtype=np.uint8)[None, :, None], (64, 32, 3)))
    assert abs(np.asarray(resize_image(stripes, 8)).astype(int) - 127).max() <= 6
