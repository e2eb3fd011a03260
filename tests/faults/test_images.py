"""Bad and unusual picture files, faults.md 1 to 10: what both ways of reading make of them."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from showface.errors import ImageError
from showface.images import read_image, write_image
from showface.photo.decode import decode
from showface.photo.encode import encode
from showface.photo.photograph import Photo

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 32, 3), dtype=np.uint8)
PICTURE = Image.fromarray(PIXELS)
READERS = [decode, read_image]
reading = pytest.mark.parametrize("read", READERS, ids=["photo", "picture"])


def saved(picture: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *chunks: bytes, bits: int = 8, colour_type: int = 2) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def deep_png() -> bytes:
    rows = b"".join(b"\0" + row.tobytes() for row in PIXELS.astype(">u2") * 257)
    return png(32, 40, chunk(b"IDAT", zlib.compress(rows)), bits=16)


def refuse(tmp_path: Path, read: Callable[..., object], content: bytes) -> str:
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"bad\.png: .") as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 300
    return message


# ------------------------------------------------------------------ 1: no picture

NO_PICTURES = {
    "empty": b"",
    "text": b"dear diary",
    "html": b"<!doctype html><html>404",
    "only a signature": b"\x89PNG\r\n\x1a\n",
    "only a marker": b"\xff\xd8\xff",
    "only a byte order": b"II*\0",
    "two letters": b"BM",
    "zeros": bytes(1000),
    "a box of another kind": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
    "avif": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf",
}


@reading
@pytest.mark.parametrize("what", NO_PICTURES)
@pytest.mark.filterwarnings("ignore:.*EXIF.*:UserWarning")
def test_1_what_is_no_picture_is_refused_with_its_name(tmp_path: Path, read: Callable[..., object], what: str) -> None:
    refuse(tmp_path, read, NO_PICTURES[what])


@reading
def test_1_a_missing_file_and_a_folder(tmp_path: Path, read: Callable[..., object]) -> None:
    with pytest.raises(ImageError, match=r"none\.png: No such file"):
        read(tmp_path / "none.png")
    with pytest.raises(ImageError, match="directory"):
        read(tmp_path)


# ------------------------------------------------------------------ 2: damaged

WHOLE = {
    "png": saved(PICTURE, "PNG"),
    "deep png": deep_png(),
    "jpeg": saved(PICTURE, "JPEG"),
    "webp": saved(PICTURE, "WEBP"),
    "lossless webp": saved(PICTURE, "WEBP", lossless=True),
    "tiff": saved(PICTURE, "TIFF"),
    "lzw tiff": saved(PICTURE, "TIFF", compression="tiff_lzw"),
    "deflated tiff": saved(PICTURE, "TIFF", compression="tiff_adobe_deflate"),
    "bmp": saved(PICTURE, "BMP"),
}


@reading
@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_2_a_truncated_picture_is_refused(tmp_path: Path, read: Callable[..., object], kind: str) -> None:
    whole = WHOLE[kind]
    for kept in (0.1, 0.5, 0.9):
        refuse(tmp_path, read, whole[: int(len(whole) * kept)])


@reading
@pytest.mark.parametrize("kind", ["png", "deep png"])
def test_2_a_flipped_byte_of_a_png_never_passes_unnoticed(
    tmp_path: Path, read: Callable[..., object], kind: str
) -> None:
    whole = WHOLE[kind]
    for place in range(8, len(whole), 61):
        refuse(tmp_path, read, whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])


@reading
@pytest.mark.parametrize("kind", [kind for kind in WHOLE if "png" not in kind])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_2_a_flipped_byte_elsewhere_is_an_image_error_or_a_picture(
    tmp_path: Path, read: Callable[..., object], kind: str
) -> None:
    """These formats have no checksums; what their decoders notice comes as one line, nothing else comes out."""
    whole, path = WHOLE[kind], tmp_path / "flipped"
    for place in range(0, len(whole), max(1, len(whole) // 50)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        try:
            read(path, pixel_limit=10_000)
        except ImageError as error:
            assert "\n" not in str(error)


# ------------------------------------------------------------------ 3: bombs


def tiff_of(width: int, height: int) -> bytes:
    tags = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: 1}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


def webp_of(width: int, height: int) -> bytes:
    canvas = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + canvas
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bmp_of(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IHHIIiiHH", 54, 0, 0, 54, 40, width, height, 1, 24) + bytes(24)


def jpeg_of(width: int, height: int) -> bytes:
    frame = b"\xff\xc0\0\x0b\x08" + struct.pack(">HH", height, width) + b"\1\1\x11\0"
    return b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + frame + b"\xff\xda\0\x08\1\1\0\0\x3f\0"


BOMBS = {
    "png header": png(50_000, 50_000, chunk(b"IDAT", zlib.compress(b""))),
    "png": png(20_000, 20_000, chunk(b"IDAT", zlib.compress(bytes(10_000_000)))),
    "tiff header": tiff_of(60_000, 60_000),
    "bmp header": bmp_of(30_000, 30_000),
    "jpeg header": jpeg_of(60_000, 60_000),
}


@reading
@pytest.mark.parametrize("what", BOMBS)
def test_3_too_many_pixels_are_refused_before_decoding(
    tmp_path: Path, read: Callable[..., object], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decoded(*arguments: object) -> None:
        raise AssertionError("decoding began")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load_prepare", decoded)
    assert "pixels are more than the limit of 200,000,000" in refuse(tmp_path, read, BOMBS[what])


@reading
@pytest.mark.parametrize("what", BOMBS)
def test_3_a_bomb_costs_no_memory(tmp_path: Path, read: Callable[..., object], what: str) -> None:
    resource = pytest.importorskip("resource", reason="POSIX only")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refuse(tmp_path, read, BOMBS[what])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB


@reading
def test_3_a_webp_that_claims_too_much_is_refused_without_memory(tmp_path: Path, read: Callable[..., object]) -> None:
    resource = pytest.importorskip("resource", reason="POSIX only")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refuse(tmp_path, read, webp_of(16_000, 16_000))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


@reading
def test_3_text_and_profile_that_unpack_to_much_are_refused(tmp_path: Path, read: Callable[..., object]) -> None:
    much = zlib.compress(bytes(100_000_000), 9)
    pixels = chunk(b"IDAT", zlib.compress(b"\0" + bytes(3)))
    for bomb in (
        chunk(b"zTXt", b"a\0\0" + much),
        chunk(b"iTXt", b"a\0\1\0\0\0" + much),
        chunk(b"iCCP", b"a\0\0" + much),
    ):
        refuse(tmp_path, read, png(1, 1, bomb, pixels))


@reading
def test_3_pixels_that_unpack_to_more_than_the_header_says_are_not_unpacked(
    tmp_path: Path, read: Callable[..., object]
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(1, 1, chunk(b"IDAT", zlib.compress(b"\0\1\2\3" + bytes(100_000_000), 9))))
    resource = pytest.importorskip("resource", reason="POSIX only")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


@reading
def test_3_a_gif_is_refused_whatever_extents_it_claims(tmp_path: Path, read: Callable[..., object]) -> None:
    gif = bytearray(saved(PICTURE.quantize(4), "GIF"))
    gif[6:10] = b"\xff\xff\xff\xff"
    assert "expected a picture (PNG, JPEG" in refuse(tmp_path, read, bytes(gif))


@reading
def test_3_the_limit_is_a_parameter(tmp_path: Path, read: Callable[..., object]) -> None:
    (tmp_path / "a.png").write_bytes(WHOLE["png"])
    read(tmp_path / "a.png", pixel_limit=32 * 40)
    with pytest.raises(ImageError, match="32 x 40 pixels are more than the limit of 1,279"):
        read(tmp_path / "a.png", pixel_limit=32 * 40 - 1)


# ------------------------------------------------------------------ 4: other formats

OTHERS = {
    "eps": saved(PICTURE, "EPS"),
    "pdf": saved(PICTURE, "PDF"),
    "gif": saved(PICTURE, "GIF"),
    "ppm": saved(PICTURE, "PPM"),
    "tga": saved(PICTURE, "TGA"),
    "ico": saved(PICTURE, "ICO"),
    "jpeg 2000": saved(PICTURE, "JPEG2000"),
    "psd": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 1, 1, 8, 3) + bytes(100),
    "fits": b"SIMPLE  =                    T".ljust(2880),
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
}


@reading
@pytest.mark.parametrize("form", OTHERS)
def test_4_other_formats_are_refused(tmp_path: Path, read: Callable[..., object], form: str) -> None:
    assert "expected a picture (PNG, JPEG, WEBP, TIFF, BMP" in refuse(tmp_path, read, OTHERS[form])


@reading
@pytest.mark.parametrize(
    "error", [ValueError, SyntaxError, struct.error, OverflowError, MemoryError, EOFError, IndexError, KeyError]
)
def test_4_whatever_a_decoder_raises_is_one_line(
    tmp_path: Path, read: Callable[..., object], error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> None:
        raise error("two\nlines")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load_prepare", broken)
    refuse(tmp_path, read, WHOLE["png"])


# ------------------------------------------------------------------ 5 to 8: orientation, modes, profiles, animation


@pytest.mark.parametrize("tag", [*range(1, 9), 99])
def test_5_a_mask_drawn_on_the_upright_picture_fits(tmp_path: Path, tag: int) -> None:
    """As a camera stores it under `tag`; both ways of reading give the same upright picture, and it is turned once."""
    exif = Image.Exif()
    exif[274] = tag
    PICTURE.save(tmp_path / "turned.png", exif=exif)
    photo = decode(tmp_path / "turned.png")
    assert photo.rgb().shape[:2] == ((32, 40) if tag in (5, 6, 7, 8) else (40, 32))
    assert np.array_equal(photo.rgb(), read_image(tmp_path / "turned.png"))
    hole = np.ones((photo.height, photo.width), bool)
    encode(photo.filled(255 - photo.rgb(), hole), tmp_path / "out.png")
    again = decode(tmp_path / "out.png")
    assert np.array_equal(again.pixels, 255 - photo.pixels)
    with Image.open(tmp_path / "out.png") as written:
        assert 274 not in written.getexif()


@pytest.mark.parametrize(
    ("stored", "mean"),
    [
        (Image.fromarray(np.full((4, 4), 25700, np.uint16)), 100),
        (Image.fromarray(np.full((4, 4), 100 / 255, np.float32)), 100),
        (Image.new("CMYK", (4, 4), (155, 155, 155, 0)), 100),
        (Image.new("RGB", (4, 4), (100, 100, 100)).quantize(2), 100),
        (Image.new("LA", (4, 4), (100, 0)), 100),
        (Image.new("RGBA", (4, 4), (100, 100, 100, 7)), 100),
        (Image.new("1", (4, 4), 1), 255),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else "",
)
def test_6_every_mode_is_seen_with_the_right_values_and_alpha_comes_back(
    tmp_path: Path, stored: Image.Image, mean: int
) -> None:
    stored.save(tmp_path / "a.tif")
    photo = decode(tmp_path / "a.tif")
    assert photo.rgb().mean() == pytest.approx(mean, abs=0.51)
    filled = photo.filled(np.full((4, 4, 3), 40, np.uint8), np.eye(4, dtype=bool))
    encode(filled, tmp_path / "b.tif")
    result = decode(tmp_path / "b.tif")
    assert result.rgb()[0, 0].tolist() == [40, 40, 40] and np.array_equal(result.rgb()[0, 1], photo.rgb()[0, 1])
    if photo.mode in ("LA", "RGBA"):
        assert np.array_equal(result.pixels[..., -1], photo.pixels[..., -1])


def test_7_a_profile_is_kept_and_can_be_stripped(tmp_path: Path) -> None:
    PICTURE.save(tmp_path / "a.png", icc_profile=b"a profile of any kind")
    photo = decode(tmp_path / "a.png").filled(PIXELS, np.ones((40, 32), bool))
    for name in ("b.png", "b.jpg", "b.webp", "b.tif"):
        encode(photo, tmp_path / name)
        assert decode(tmp_path / name).metadata.icc_profile == b"a profile of any kind"
        with pytest.warns(UserWarning, match="colours"):
            encode(photo, tmp_path / name, strip_metadata=True, overwrite=True)
        assert decode(tmp_path / name).metadata.icc_profile is None


@reading
def test_8_of_an_animation_the_first_frame_with_a_warning(tmp_path: Path, read: Callable[..., object]) -> None:
    PICTURE.save(tmp_path / "moving.webp", save_all=True, append_images=[Image.new("RGB", PICTURE.size)], lossless=True)
    with pytest.warns(UserWarning, match=r"moving\.webp: has several frames; only the first is used"):
        read(tmp_path / "moving.webp")


# ------------------------------------------------------------------ 9 and 10: sizes and names


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 5), (13, 17), (2, 20000)])
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.bmp", "a.webp"])
def test_9_the_same_size_comes_out(tmp_path: Path, size: tuple[int, int], name: str) -> None:
    if name == "a.webp" and max(size) > 16_383:
        pytest.skip("no WEBP is that long")
    photo = Photo(pixels=np.full((*size, 3), 90, np.uint8), mode="RGB", format="PNG")
    encode(photo, tmp_path / name)
    assert decode(tmp_path / name).pixels.shape[:2] == size == read_image(tmp_path / name).size[::-1]


NAMES = [
    "with space.png",
    "gesicht-äöü-顔.png",
    "two\nlines.png",
    "-leading.png",
    "UPPER.PNG",
    "a.b.c.png",
    "%s{0}.png",
]


@pytest.mark.parametrize("name", NAMES)
def test_10_any_name_can_be_read_and_written(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    photo = Photo(pixels=PIXELS, mode="RGB", format="PNG")
    encode(photo, name)
    assert np.array_equal(decode(name).pixels, PIXELS)
    for refused in (lambda: encode(photo, name), lambda: write_image(name, PICTURE)):
        with pytest.raises(ImageError, match="exists already") as caught:
            refused()
        assert "\n" not in str(caught.value)
    Path(name).write_bytes(b"no picture")
    for read in READERS:
        with pytest.raises(ImageError, match="expected a picture") as caught:
            read(name)
        assert "\n" not in str(caught.value)
    assert os.listdir() == [name]


def test_10_a_name_of_undecodable_bytes_can_be_printed(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    with pytest.raises(ImageError) as caught:
        decode(path)
    str(caught.value).encode("utf-8")


def test_10_output_over_input_and_through_a_link(tmp_path: Path) -> None:
    photo = Photo(pixels=PIXELS, mode="RGB", format="PNG")
    encode(photo, tmp_path / "a.png")
    link = tmp_path / "link.png"
    link.symlink_to("a.png")
    with pytest.raises(ImageError, match="exists already"):
        encode(photo, link)
    changed = decode(link).filled(255 - PIXELS, np.ones((40, 32), bool))
    encode(changed, link, overwrite=True)
    assert link.is_symlink() and np.array_equal(decode(tmp_path / "a.png").pixels, 255 - PIXELS)
    encode(decode(link), tmp_path / "a.png", overwrite=True)
    assert np.array_equal(decode(link).pixels, 255 - PIXELS)
    dangling = tmp_path / "dangling.png"
    dangling.symlink_to("nothing.png")
    with pytest.raises(ImageError, match="exists already"):
        encode(photo, dangling)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "dangling.png", "link.png"]


def test_10_the_content_decides_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "really.png").write_bytes(WHOLE["jpeg"])
    assert decode(tmp_path / "really.png").format == "JPEG"


def test_10_missing_and_read_only_folders_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = Photo(pixels=PIXELS, mode="RGB", format="PNG")
    with pytest.raises(ImageError, match=r"out\.png: cannot be written: No such file"):
        encode(photo, tmp_path / "none" / "out.png")
    monkeypatch.setattr(Path, "open", _read_only)
    with pytest.raises(ImageError, match=r"out\.png: cannot be written: Permission denied"):
        encode(photo, tmp_path / "out.png")
    assert list(tmp_path.iterdir()) == []


def _read_only(path: Path, *arguments: object) -> None:
    raise PermissionError(13, "Permission denied")
