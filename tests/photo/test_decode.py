from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from showface.errors import ImageError, MissingExtraError
from showface.photo.decode import decode, photo_of
from showface.photo.photograph import Photo

RNG = np.random.default_rng(0)
RED = (200, 10, 20)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(values: np.ndarray, bits: int, colour_type: int, *more: bytes) -> bytes:
    """A PNG made by hand: unfiltered rows of big-endian samples; `more` are whole chunks before the pixels."""
    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(f">u{bits // 8}").tobytes() for row in values)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + body


def tiff(strips: list[bytes], tags: dict[int, tuple[int, ...]], order: str = "<") -> bytes:
    """A TIFF made by hand: uncompressed strips, and a directory of short and long numbers."""
    tags = tags | {273: tuple(8 + sum(map(len, strips[:number])) for number in range(len(strips)))}
    tags |= {279: tuple(map(len, strips))}
    body = b"".join(strips)
    entries, extra, start = b"", b"", 8 + len(body)
    behind = start + 2 + 12 * len(tags) + 4
    for tag in sorted(tags):
        values = struct.pack(f"{order}{len(tags[tag])}I", *tags[tag])
        if len(values) > 4:
            place = struct.pack(f"{order}I", behind + len(extra))
            extra += values
            values = place
        entries += struct.pack(f"{order}HHI", tag, 4, len(tags[tag])) + values
    magic = {"<": b"II*\0", ">": b"MM\0*"}[order]
    return (
        magic
        + struct.pack(f"{order}I", start)
        + body
        + struct.pack(f"{order}H", len(tags))
        + entries
        + bytes(4)
        + extra
    )


def basic_tags(values: np.ndarray, bits: int, photometric: int, **more: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
    height, width, channels = values.shape
    tags = {256: (width,), 257: (height,), 258: (bits,) * channels, 259: (1,), 262: (photometric,), 277: (channels,)}
    return tags | {278: (height,)} | {int(tag[1:]): value for tag, value in more.items()}


def deep(channels: int) -> np.ndarray:
    values = RNG.integers(0, 65536, (6, 5, channels), dtype=np.uint16)
    values[0, 0] = 255  # a low byte alone: lost where only 8 bits are read
    return values


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], Photo]:
    def decoded(content: bytes) -> Photo:
        (tmp_path / "picture").write_bytes(content)
        return decode(tmp_path / "picture")

    return decoded


def saved(picture: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


# ------------------------------------------------------------------ depth


@pytest.mark.parametrize(
    ("colour_type", "channels", "mode"), [(0, 1, "L"), (4, 2, "LA"), (2, 3, "RGB"), (6, 4, "RGBA")]
)
def test_png_of_16_bits_keeps_every_bit(
    read: Callable[[bytes], Photo], colour_type: int, channels: int, mode: str
) -> None:
    values = deep(channels)
    photo = read(png(values, 16, colour_type))
    assert (photo.mode, photo.pixels.dtype, photo.format) == (mode, np.uint16, "PNG")
    assert np.array_equal(photo.pixels, values)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("photometric", "channels", "mode", "extra"),
    [(1, 1, "L", {}), (2, 3, "RGB", {}), (2, 4, "RGBA", {"_338": (2,)}), (5, 4, "CMYK", {})],
)
def test_tiff_of_16_bits_keeps_every_bit(
    read: Callable[[bytes], Photo], order: str, photometric: int, channels: int, mode: str, extra: dict[str, tuple[int]]
) -> None:
    values = deep(channels)
    photo = read(tiff([values.astype(f"{order}u2").tobytes()], basic_tags(values, 16, photometric, **extra), order))
    assert (photo.mode, photo.pixels.dtype, photo.compression) == (mode, np.uint16, "raw")
    assert np.array_equal(photo.pixels, values)


def test_colours_multiplied_with_alpha_are_divided_by_it(read: Callable[[bytes], Photo]) -> None:
    values = np.array([[[100, 200, 300, 32768], [7, 8, 9, 65535], [0, 0, 0, 0]]], dtype=np.uint16)
    photo = read(tiff([values.tobytes()], basic_tags(values, 16, 2, _338=(1,))))
    assert photo.pixels.tolist() == [[[200, 400, 600, 32768], [7, 8, 9, 65535], [0, 0, 0, 0]]]


def test_separate_planes_of_16_bits_are_refused_rather_than_misread(read: Callable[[bytes], Photo]) -> None:
    values = deep(3)
    planes = [values[..., channel].tobytes() for channel in range(3)]
    with pytest.raises(ImageError, match="separate colour planes"):
        read(tiff(planes, basic_tags(values, 16, 2, _284=(2,))))


def test_white_is_zero_and_12_bits_give_right_values(read: Callable[[bytes], Photo]) -> None:
    values = np.array([[[0], [65535], [1000]]], dtype=np.uint16)
    photo = read(tiff([values.tobytes()], basic_tags(values, 16, 0)))
    assert photo.pixels[..., 0].tolist() == [[65535, 0, 64535]]
    twelve = np.zeros((1, 2, 1))  # two samples, 0xfff and 0x800, in three bytes
    photo = read(tiff([b"\xff\xf8\x00"], basic_tags(twelve, 12, 1)))
    assert photo.pixels[..., 0].tolist() == [[65535, 0x8008]]


def test_float_tiff_keeps_its_values_and_refuses_others(read: Callable[[bytes], Photo]) -> None:
    values = np.array([[0, 0.1, 1]], dtype=np.float32)
    photo = read(saved(Image.fromarray(values), "TIFF"))
    assert photo.pixels.dtype == np.float32 and np.array_equal(photo.pixels[..., 0], values)
    assert photo.rgb()[0, :, 1].tolist() == [0, 26, 255]
    with pytest.raises(ImageError, match=r"expected floats in \[0, 1\]"):
        read(saved(Image.fromarray(values * 255), "TIFF"))


# ------------------------------------------------------------------ modes


@pytest.mark.parametrize(
    ("picture", "form", "mode", "first"),
    [
        (Image.new("RGB", (3, 2), RED), "PNG", "RGB", RED),
        (Image.new("RGBA", (3, 2), (*RED, 0)), "PNG", "RGBA", (*RED, 0)),
        (Image.new("RGBA", (3, 2), (*RED, 9)), "TIFF", "RGBA", (*RED, 9)),
        (Image.new("L", (3, 2), 77), "PNG", "L", (77,)),
        (Image.new("LA", (3, 2), (77, 3)), "PNG", "LA", (77, 3)),
        (Image.new("1", (3, 2), 1), "PNG", "L", (255,)),
        (Image.new("1", (3, 2), 1), "TIFF", "L", (255,)),
        (Image.new("CMYK", (3, 2), (1, 2, 3, 4)), "TIFF", "CMYK", (1, 2, 3, 4)),
        (Image.new("RGB", (3, 2), RED).quantize(4), "PNG", "RGB", RED),
        (Image.new("RGB", (3, 2), RED).quantize(4), "BMP", "RGB", RED),
        (Image.new("RGB", (3, 2), RED).quantize(4), "TIFF", "RGB", RED),
        (Image.new("RGB", (3, 2), RED), "BMP", "RGB", RED),
    ],
)
def test_every_mode_keeps_its_colours(
    read: Callable[[bytes], Photo], picture: Image.Image, form: str, mode: str, first: tuple[int, ...]
) -> None:
    photo = read(saved(picture, form))
    assert (photo.mode, photo.format, photo.stored) == (mode, form, picture.mode)
    assert photo.pixels.shape == (2, 3, len(first)) and tuple(photo.pixels[1, 2]) == first


def test_transparency_of_a_palette_becomes_alpha(read: Callable[[bytes], Photo]) -> None:
    palette = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    palette.putpalette([*RED, 1, 2, 3, 4, 5, 6])
    photo = read(saved(palette, "PNG", transparency=b"\x00\x80"))
    assert photo.pixels.tolist() == [[[*RED, 0], [1, 2, 3, 128], [4, 5, 6, 255]]]
    photo = read(saved(palette, "PNG", transparency=1))
    assert photo.pixels[0, :, 3].tolist() == [255, 0, 255]


def test_one_transparent_colour_becomes_alpha_at_every_depth(read: Callable[[bytes], Photo]) -> None:
    values = deep(3)
    key = chunk(b"tRNS", values[2, 2].astype(">u2").tobytes())
    photo = read(png(values, 16, 2, key))
    assert photo.mode == "RGBA" and photo.pixels[2, 2, 3] == 0 and (photo.pixels[..., 3] > 0).sum() == 29
    assert np.array_equal(photo.pixels[..., :3], values)
    photo = read(png(np.array([[[3], [5]]]), 8, 0, chunk(b"tRNS", b"\0\x05")))
    assert photo.pixels.tolist() == [[[3, 255], [5, 0]]]
    bits = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 4, 0, 0, 0, 0)) + chunk(b"tRNS", b"\0\x0f")
    grey = b"\x89PNG\r\n\x1a\n" + bits + chunk(b"IDAT", zlib.compress(b"\0\x3f")) + chunk(b"IEND", b"")
    assert read(grey).pixels.tolist() == [[[51, 255], [255, 0]]]  # samples 3 and 15 of 15


def test_jpeg_with_inks_is_read_as_inks(read: Callable[[bytes], Photo]) -> None:
    photo = read(saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95))
    assert photo.mode == "CMYK" and np.abs(photo.pixels[8, 8].astype(int) - (0, 255, 255, 0)).max() <= 2
    assert np.abs(photo.rgb()[8, 8].astype(int) - (255, 0, 0)).max() <= 4


def test_a_pillow_picture_becomes_a_photo() -> None:
    picture = Image.new("RGB", (3, 2), RED)
    picture.info["icc_profile"] = b"p"
    photo = photo_of(picture)
    assert (photo.format, photo.mode, photo.width, photo.height) == ("PNG", "RGB", 3, 2)
    assert photo.metadata.icc_profile == b"p" and photo.source is None
    assert np.array_equal(photo.picture(), picture) and photo.picture().info["icc_profile"] == b"p"
    assert photo_of(Image.new("P", (3, 2))).mode == "RGB"


# ------------------------------------------------------------------ metadata


def exif(orientation: int | None) -> Image.Exif:
    block = Image.Exif()
    block[271], block[256], block[36867] = "Maker", 4000, "2020:01:01 00:00:00"
    block.get_ifd(34665)[37386] = 50.0
    if orientation is not None:
        block[274] = orientation
    return block


TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda x: x[:, ::-1], 3: lambda x: x[::-1, ::-1], 4: lambda x: x[::-1], 5: lambda x: x.transpose(1, 0, 2),
    6: lambda x: np.rot90(x, 1), 7: lambda x: np.rot90(x, 2).transpose(1, 0, 2), 8: lambda x: np.rot90(x, -1),
}  # fmt: skip


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("tag", [*range(1, 9), 99])
def test_a_turned_picture_is_read_upright_and_no_longer_calls_itself_turned(
    read: Callable[[bytes], Photo], tag: int, form: str
) -> None:
    upright = np.zeros((24, 40, 3), np.uint8)
    upright[:8], upright[:, :8, 1] = (250, 0, 0), 200
    stored = Image.fromarray(np.ascontiguousarray(TURNS.get(tag, lambda x: x)(upright)))
    options = {"lossless": True} if form == "WEBP" else {"quality": 100, "subsampling": 0} if form == "JPEG" else {}
    block = exif(tag)
    if form == "TIFF":
        del block[256]  # there it would say how wide the picture is
    photo = read(saved(stored, form, exif=block.tobytes(), **options))
    assert np.abs(photo.pixels.astype(int) - upright).max() <= (8 if form == "JPEG" else 0)
    assert photo.metadata.exif is not None
    found = Image.Exif()
    found.load(photo.metadata.exif)
    assert 274 not in found and found[271] == "Maker" and found.get_ifd(34665)[37386] == 50.0


def test_deep_pictures_are_turned_too(read: Callable[[bytes], Photo]) -> None:
    upright = deep(3)
    stored = np.ascontiguousarray(np.rot90(upright))
    block = exif(6).tobytes()[6:]
    assert np.array_equal(read(png(stored, 16, 2, chunk(b"eXIf", block))).pixels, upright)
    turned = tiff([stored.tobytes()], basic_tags(stored, 16, 2, _274=(6,)))
    assert np.array_equal(read(turned).pixels, upright)


def test_exif_loses_orientation_and_thumbnail_and_nothing_else_moves(read: Callable[[bytes], Photo]) -> None:
    maker = b"offsets within a maker's note count from the start"
    thumbnail = b"\xff\xd8 the old picture \xff\xd9"
    entries = [(271, 2, len(maker), 100), (274, 3, 1, 6), (305, 4, 1, 77)]
    block = b"II*\0" + struct.pack("<IH", 8, 3) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    block += struct.pack("<IH", 60, 2)[:4] + bytes(10) + struct.pack("<H", 2)
    block += struct.pack("<HHII", 513, 4, 1, 160) + struct.pack("<HHII", 514, 4, 1, len(thumbnail)) + bytes(4)
    block = block.ljust(100, b"\0") + maker.ljust(60, b"\0") + thumbnail + b"tail"
    cleaned = read(saved(Image.new("RGB", (8, 8)), "JPEG", exif=b"Exif\0\0" + block)).metadata.exif
    assert cleaned is not None and len(cleaned) == len(block)
    assert cleaned[100:160] == block[100:160] and cleaned.endswith(b"tail") and b"old picture" not in cleaned
    assert cleaned[10:22] == block[10:22] and cleaned[22:34] == block[34:46]  # the entry between them is gone
    assert struct.unpack_from("<H", cleaned, 8) == (2,) and struct.unpack_from("<I", cleaned, 34) == (0,)


@pytest.mark.parametrize("block", [b"junk", b"II*\0\xff\xff\xff\x7f", b"II*\0\x08\0\0\0\xff\xff"])
def test_damaged_exif_is_left_out_with_a_warning(read: Callable[[bytes], Photo], block: bytes) -> None:
    with pytest.warns(UserWarning) as warned:
        photo = read(saved(Image.new("RGB", (8, 8), RED), "WEBP", exif=b"Exif\0\0" + block, lossless=True))
    assert photo.metadata.exif is None and tuple(photo.pixels[0, 0]) == RED
    assert any("EXIF block is damaged" in str(warning.message) for warning in warned)


def test_xmp_calls_the_picture_upright_and_shows_no_thumbnail(read: Callable[[bytes], Photo]) -> None:
    xmp = (
        b'<x tiff:Orientation="6" a="b"><tiff:Orientation>8</tiff:Orientation><xmp:Thumbnails>old</xmp:Thumbnails></x>'
    )
    photo = read(saved(Image.new("RGB", (8, 8)), "JPEG", xmp=xmp))
    assert photo.metadata.xmp == b'<x tiff:Orientation="1" a="b"><tiff:Orientation>1</tiff:Orientation></x>'
    photo = read(saved(Image.new("RGB", (8, 8)), "JPEG", xmp=b"<x><Container:Directory/></x>"))
    assert photo.metadata.xmp is None


def test_profile_resolution_and_colour_chunks_are_read(read: Callable[[bytes], Photo]) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for form in ("PNG", "JPEG", "TIFF"):
        photo = read(saved(Image.new("RGB", (8, 8)), form, icc_profile=profile, dpi=(300, 150)))
        assert photo.metadata.icc_profile == profile
        assert photo.metadata.dpi == pytest.approx((300, 150), abs=0.02)
    gamma = chunk(b"gAMA", struct.pack(">I", 45455))
    photo = read(png(np.zeros((2, 2, 3)), 8, 2, gamma, chunk(b"tEXt", b"a\0b")))
    assert photo.metadata.colour_chunks == ((b"gAMA", struct.pack(">I", 45455)),)


# ------------------------------------------------------------------ JPEG


def test_jpeg_settings_are_those_of_the_file(read: Callable[[bytes], Photo]) -> None:
    content = saved(Image.new("RGB", (32, 16), RED), "JPEG", quality=60, subsampling=1, progressive=True)
    photo = read(content)
    with Image.open(io.BytesIO(content)) as picture:
        tables = [tuple(picture.quantization[number]) for number in (0, 1)]
    assert photo.jpeg is not None and photo.jpeg.subsampling == 1 and photo.jpeg.progressive
    assert list(photo.jpeg.tables) == tables
    turned = read(saved(Image.new("RGB", (32, 16), RED), "JPEG", quality=60, subsampling=1, exif=exif(6)))
    assert turned.jpeg is not None and turned.jpeg.subsampling == 0  # 4:2:2 on its side cannot be written
    assert [np.reshape(table, (8, 8)).T.flatten().tolist() for table in turned.jpeg.tables] == list(map(list, tables))


def test_a_jpeg_with_a_gain_map_behind_it_is_a_jpeg(read: Callable[[bytes], Photo], tmp_path: Path) -> None:
    stream = io.BytesIO()
    first = Image.new("RGB", (16, 16), RED)
    first.save(stream, "MPO", save_all=True, append_images=[Image.new("RGB", (16, 16))], quality=95)
    photo = read(stream.getvalue())
    assert photo.format == "JPEG" and np.abs(photo.pixels[0, 0].astype(int) - RED).max() <= 3


# ------------------------------------------------------------------ what else is decided here


def test_the_file_is_remembered_until_a_pixel_changes(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (8, 8), RED).save(path)
    photo = decode(path)
    assert photo.source is not None and photo.source.is_unchanged()
    nothing, something = np.zeros((8, 8), bool), np.eye(8, dtype=bool)
    black = np.zeros((8, 8, 3), np.uint8)
    assert photo.filled(black, nothing) is photo
    assert photo.filled(black, something).source is None
    path.write_bytes(b"other")
    assert not photo.source.is_unchanged()
    path.unlink()
    assert not photo.source.is_unchanged()


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
def test_of_several_frames_the_first_is_read_with_a_warning(tmp_path: Path, form: str) -> None:
    path = tmp_path / "moving"
    frames = [Image.new("RGB", (8, 8), RED), Image.new("RGB", (8, 8))]
    options = {"lossless": True} if form == "WEBP" else {}
    frames[0].save(path, form, save_all=True, append_images=frames[1:], **options)
    with pytest.warns(UserWarning, match=r"moving: has several frames; only the first"):
        photo = decode(path)
    assert tuple(photo.pixels[4, 4, :3]) == RED


def test_heic_without_the_extra_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    with pytest.raises(MissingExtraError, match=r"showface\[heic\]"):
        decode(tmp_path / "a.heic")


def test_heic_is_read_upright_and_nothing_is_registered(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    before = dict(Image.OPEN)
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[:, :32] = RED
    heif.from_pillow(Image.fromarray(pixels)).save(tmp_path / "a.heic", quality=95, exif=exif(1).tobytes())
    photo = decode(tmp_path / "a.heic")
    assert (photo.format, photo.mode, photo.pixels.shape) == ("HEIC", "RGB", (32, 64, 3))
    assert np.abs(photo.pixels[16, 8].astype(int) - RED).max() <= 4
    assert photo.metadata.exif is not None and b"Maker" in photo.metadata.exif
    assert before == Image.OPEN
    with pytest.raises(ImageError, match=r"64 x 32 pixels are more than the limit of 2,047"):
        decode(tmp_path / "a.heic", pixel_limit=2047)
    whole = (tmp_path / "a.heic").read_bytes()
    for end in (20, 200, len(whole) - 30):
        (tmp_path / "cut.heic").write_bytes(whole[:end])
        with pytest.raises(ImageError, match=r"cut\.heic: "):
            decode(tmp_path / "cut.heic")
