"""Writes TIFF, with any depth and with EXIF: Pillow writes 8 bits a colour, and no EXIF into a compressed file."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from PIL import Image, TiffImagePlugin, TiffTags

from showface.images import Stream
from showface.photo.metadata import Metadata, save_options

STRIP_BYTES = 1 << 20  # before compression
PHOTOMETRIC = {"L": 1, "LA": 1, "RGB": 2, "RGBA": 2, "CMYK": 5}
OFFSETS, COUNTS = 273, 279  # of the strips
ICC_PROFILE = 34675


def write(stream: Stream, pixels: np.ndarray, mode: str, metadata: Metadata, *, raw: bool) -> None:
    """Pixels (h, w, c) of uint8, uint16 or float32 as TIFF, uncompressed (`raw`) or deflated."""
    height, width, channels = pixels.shape
    rows = max(1, STRIP_BYTES // (pixels.itemsize * width * channels))
    strips = [_strip(pixels[top : top + rows], raw=raw) for top in range(0, height, rows)]
    sizes = [len(strip) for strip in strips]
    tags = metadata_tags(metadata) | {
        256: width, 257: height, 258: (8 * pixels.itemsize,) * channels,
        259: 1 if raw else 8,  # compression: none, deflate
        262: PHOTOMETRIC[mode], 277: channels, 278: rows, 284: 1,
        OFFSETS: tuple(int(place) for place in np.cumsum([0, *sizes[:-1]])),  # saving adds where the strips begin
        COUNTS: tuple(sizes),
        317: 1 if raw or pixels.dtype.kind == "f" else 2,  # predictor: none, horizontal differences
        339: (3 if pixels.dtype.kind == "f" else 1,) * channels,
    }  # fmt: skip
    if mode in ("LA", "RGBA"):
        tags[338] = 2  # alpha, not multiplied into the colours
    directory = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
    for tag, value in tags.items():
        directory[tag] = value
    for tag in (OFFSETS, COUNTS):
        directory.tagtype[tag] = TiffTags.LONG
    directory.save(stream)
    for strip in strips:
        stream.write(strip)


def _strip(rows: np.ndarray, *, raw: bool) -> bytes:
    samples = rows.astype(rows.dtype.newbyteorder("<"))
    if not raw and rows.dtype.kind == "u":
        samples[:, 1:] -= rows[:, :-1]
    return samples.tobytes() if raw else zlib.compress(samples.tobytes(), 3)


def metadata_tags(metadata: Metadata) -> dict[int, Any]:
    """The tags that say what `metadata` holds; those that hold directories have them as dictionaries."""
    options = save_options(metadata, "TIFF")
    exif = options.get("exif", Image.Exif())
    tags = {tag: exif.get_ifd(tag) if tag in TiffTags.TAGS_V2_GROUPS else exif[tag] for tag in exif}
    if metadata.icc_profile:
        tags[ICC_PROFILE] = metadata.icc_profile
    if metadata.dpi:
        tags |= {282: metadata.dpi[0], 283: metadata.dpi[1], 296: 2}
    return tags
