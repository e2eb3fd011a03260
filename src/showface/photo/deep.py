"""Pictures of 16 bits a channel, which Pillow reads and writes with 8 unless they are plain grey.

Reading: Pillow knows how to take either byte of a 16-bit sample, so the file is decoded twice, once for the high and
once for the low bytes. Every check of its decoders holds for both. Writing: OpenCV compresses PNG; TIFF is one strip
after the other.
"""

from __future__ import annotations

import io
import struct
import sys
import zlib
from collections.abc import Callable
from typing import IO, Any

import cv2
import numpy as np
from jaxtyping import UInt8, UInt16
from PIL import Image, ImageFile, TiffImagePlugin, TiffTags

from showface.errors import ImageError
from showface.photo.metadata import Metadata, save_options

BITS_PER_SAMPLE, COMPRESSION, PHOTOMETRIC, PLANES, PREDICTOR, EXTRA_SAMPLES = 258, 259, 262, 284, 317, 338
STRIP_BYTES = 1 << 20  # of a TIFF strip before compression


# ---------------------------------------------------------------------------------------------- reading


def is_deep(picture: ImageFile.ImageFile) -> bool:
    """Whether the file holds more than one channel of 16 bits; asked before it is decoded."""
    return picture.mode in ("RGB", "RGBA", "CMYK") and bool(picture.tile) and _bits(picture) == 16


def _bits(picture: ImageFile.ImageFile) -> int:
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        return int(max(picture.tag_v2.get(BITS_PER_SAMPLE, (1,))))
    return 16 if ";16" in _rawmode(picture) else 8


def _rawmode(picture: ImageFile.ImageFile) -> str:
    args = picture.tile[0][3]
    return str(args if isinstance(args, str) else args[0]) if args else ""


def halves(picture: ImageFile.ImageFile) -> tuple[Image.Image, Image.Image | None]:
    """High and low bytes of a deep picture, decoded; of grey with alpha one RGBA picture of all four bytes."""
    if isinstance(picture, TiffImagePlugin.TiffImageFile) and picture.tag_v2.get(PLANES, 1) == 2:
        raise ImageError("a TIFF of 16 bits with separate colour planes cannot be read; save it interleaved")
    stream, rawmode = picture.fp, _rawmode(picture)
    if rawmode == "LA;16B":
        _decode_as(picture, "RGBA")
        return picture, None
    assert stream is not None  # the file is open until it is decoded
    stream.seek(0)
    other = type(picture)(stream, "")
    colours, order = rawmode.replace("RGBa", "RGBA").split(";16")
    little = order == "L" or (order == "N" and sys.byteorder == "little")
    _decode_as(picture, f"{colours};16{'L' if little else 'B'}")
    _decode_as(other, f"{colours};16{'B' if little else 'L'}")
    return picture, other


def _decode_as(picture: ImageFile.ImageFile, rawmode: str) -> None:
    """Decodes with other instructions for taking a sample apart than the header asked for."""
    picture.tile = [
        tile._replace(args=(rawmode, *tile.args[1:]) if isinstance(tile.args, tuple) else rawmode)
        for tile in picture.tile
    ]
    picture.load()


def grey_levels(picture: ImageFile.ImageFile) -> Callable[[np.ndarray], np.ndarray] | None:
    """What makes right values of a TIFF of 12 or 16 bits grey, where Pillow gives the samples as they stand."""
    if not isinstance(picture, TiffImagePlugin.TiffImageFile) or not picture.mode.startswith("I;16"):
        return None
    if _bits(picture) == 12:
        return lambda pixels: (pixels << 4) | (pixels >> 8)
    return (lambda pixels: 65535 - pixels) if picture.tag_v2.get(PHOTOMETRIC) == 0 else None


def is_premultiplied(picture: ImageFile.ImageFile) -> bool:
    """Whether colours were stored multiplied with alpha; asked before decoding."""
    return bool(picture.tile) and _rawmode(picture).startswith("RGBa;16")


def joined(
    high: UInt8[np.ndarray, "h w c"], low: UInt8[np.ndarray, "h w c"] | None
) -> UInt16[np.ndarray, "h w channels"]:
    """16-bit values from what `halves` gave."""
    if low is None:  # grey high, grey low, alpha high, alpha low
        high, low = high[..., ::2], high[..., 1::2]
    return np.asarray((high.astype(np.uint16) << 8) | low)


def unmultiplied(pixels: UInt16[np.ndarray, "h w 4"]) -> UInt16[np.ndarray, "h w 4"]:
    """RGBA whose colours were multiplied with alpha, with colours of their own."""
    alpha = pixels[..., 3:].astype(np.float64)
    colours = np.divide(pixels[..., :3] * 65535.0, alpha, out=np.zeros(pixels[..., :3].shape), where=alpha > 0)
    return np.concatenate([colours.round().clip(0, 65535).astype(np.uint16), pixels[..., 3:]], axis=2)


# ---------------------------------------------------------------------------------------------- writing


def write_png(stream: IO[bytes], pixels: UInt16[np.ndarray, "h w c"], metadata: Metadata) -> None:
    """16-bit grey with alpha, RGB or RGBA as PNG."""
    if pixels.shape[2] == 2:
        body = _grey_alpha_png(pixels)
    else:
        order = cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
        body = cv2.imencode(".png", cv2.cvtColor(pixels, order))[1].tobytes()
    stream.write(body[:33])  # signature and header
    stream.write(_metadata_chunks(metadata))
    stream.write(memoryview(body)[33:])


def _grey_alpha_png(pixels: UInt16[np.ndarray, "h w 2"]) -> bytes:
    """Four bytes a pixel, compressed as if they were RGBA of 8 bits, and called what they are."""
    height, width, _ = pixels.shape
    buffer = io.BytesIO()
    Image.frombytes("RGBA", (width, height), pixels.astype(">u2").tobytes()).save(buffer, "PNG")
    body = buffer.getvalue()
    header = body[12:24] + b"\x10\x04" + body[26:29]  # 16 bits, grey with alpha
    return body[:12] + header + struct.pack(">I", zlib.crc32(header)) + body[33:]


def _metadata_chunks(metadata: Metadata) -> bytes:
    """The chunks between header and pixels that Pillow writes for this metadata."""
    buffer = io.BytesIO()
    Image.new("L", (1, 1)).save(buffer, "PNG", **save_options(metadata, "PNG"))
    body = buffer.getvalue()
    return body[33 : body.index(b"IDAT") - 4]


def write_tiff(
    stream: IO[bytes], pixels: UInt16[np.ndarray, "h w c"], mode: str, metadata: Metadata, *, raw: bool
) -> None:
    """16-bit RGB, RGBA or CMYK as TIFF, uncompressed (`raw`) or deflated with horizontal differences."""
    height, width, channels = pixels.shape
    rows = max(1, STRIP_BYTES // (2 * width * channels))
    strips = [_strip(pixels[top : top + rows], raw=raw) for top in range(0, height, rows)]
    sizes = [len(strip) for strip in strips]
    directory = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
    tags = _metadata_tags(metadata) | {
        256: width, 257: height, BITS_PER_SAMPLE: (16,) * channels, COMPRESSION: 1 if raw else 8,
        PHOTOMETRIC: 5 if mode == "CMYK" else 2, 277: channels, 278: rows, 279: tuple(sizes), PLANES: 1,
        273: tuple(int(place) for place in np.cumsum([0, *sizes[:-1]])),  # made absolute when the directory is saved
        PREDICTOR: 1 if raw else 2,
    }  # fmt: skip
    if mode == "RGBA":
        tags[EXTRA_SAMPLES] = 2  # alpha, not multiplied into the colours
    for tag, value in tags.items():
        directory[tag] = value
    for tag in (273, 279):
        directory.tagtype[tag] = TiffTags.LONG
    directory.save(stream)
    for strip in strips:
        stream.write(strip)


def _strip(rows: UInt16[np.ndarray, "h w c"], *, raw: bool) -> bytes:
    samples = rows.astype("<u2")
    if not raw:
        samples[:, 1:] -= rows[:, :-1]
    return samples.tobytes() if raw else zlib.compress(samples.tobytes(), 6)


def _metadata_tags(metadata: Metadata) -> dict[int, Any]:
    """The tags that Pillow writes for this metadata."""
    options = save_options(metadata, "TIFF")
    exif = options.get("exif", Image.Exif())
    tags = {tag: exif.get_ifd(tag) if tag in TiffTags.TAGS_V2_GROUPS else exif[tag] for tag in exif}
    if options["icc_profile"]:
        tags[34675] = options["icc_profile"]
    if "dpi" in options:
        tags |= {282: options["dpi"][0], 283: options["dpi"][1], 296: 2}
    return tags
