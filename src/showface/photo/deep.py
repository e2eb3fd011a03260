"""Pictures of 16 bits a channel, which Pillow reads and writes with 8 unless they are plain grey.

Reading: Pillow knows how to take either byte of a 16-bit sample, so the file is decoded twice, once for the high and
once for the low bytes. Every check of its decoders holds for both. Writing: OpenCV compresses PNG; TIFF: tiff.py.
"""

from __future__ import annotations

import io
import struct
import sys
import zlib
from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import UInt8, UInt16
from PIL import Image, ImageFile, TiffImagePlugin

from showface.errors import ImageError
from showface.images import Stream
from showface.photo.metadata import Metadata, save_options

BITS_PER_SAMPLE, PHOTOMETRIC, PLANES = 258, 262, 284


# ---------------------------------------------------------------------------------------------- reading


def is_deep(picture: ImageFile.ImageFile) -> bool:
    """Whether the file holds more than one channel of 16 bits; asked before it is decoded."""
    return picture.mode in ("LA", "RGB", "RGBA", "CMYK") and bool(picture.tile) and _bits(picture) == 16


def _bits(picture: ImageFile.ImageFile) -> int:
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        return int(max(picture.tag_v2.get(BITS_PER_SAMPLE, (1,))))
    return 16 if ";16" in rawmode(picture) else 8


def rawmode(picture: ImageFile.ImageFile) -> str:
    """Pillow's name of how the samples stand in the file; asked before decoding."""
    args = picture.tile[0][3] if picture.tile else None
    return str(args if isinstance(args, str) else args[0]) if args else ""


def halves(picture: ImageFile.ImageFile) -> tuple[Image.Image, Image.Image | None]:
    """High and low bytes of a deep picture, decoded; of grey with alpha one RGBA picture of all four bytes."""
    if isinstance(picture, TiffImagePlugin.TiffImageFile) and picture.tag_v2.get(PLANES, 1) == 2:
        raise ImageError("a TIFF of 16 bits with separate colour planes cannot be read; save it interleaved")
    stream, samples = picture.fp, rawmode(picture)
    if samples == "LA;16B":
        picture._mode = "RGBA"  # as newer versions of Pillow call it already
        _decode_as(picture, "RGBA")
        return picture, None
    assert stream is not None  # the file is open until it is decoded
    stream.seek(0)
    other = type(picture)(stream, "")
    colours, order = samples.replace("RGBa", "RGBA").split(";16")
    little = order == "L" or (order == "N" and sys.byteorder == "little")
    _decode_as(picture, f"{colours};16{'L' if little else 'B'}")
    _decode_as(other, f"{colours};16{'B' if little else 'L'}")
    return picture, other


def _decode_as(picture: ImageFile.ImageFile, samples: str) -> None:
    """Decodes with other instructions for taking a sample apart than the header asked for."""
    picture.tile = [
        tile._replace(args=(samples, *tile.args[1:]) if isinstance(tile.args, tuple) else samples)
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
    return rawmode(picture).startswith("RGBa;16")


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


def write_png(stream: Stream, pixels: UInt16[np.ndarray, "h w c"], metadata: Metadata) -> None:
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
