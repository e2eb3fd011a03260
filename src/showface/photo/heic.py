"""HEIC pictures, with the extra `heic` (pillow-heif), which is called directly: nothing is registered with Pillow."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np

from showface.errors import ImageError, MissingExtraError
from showface.images import Source, Stream, one_line_reason, refuse_too_many_pixels, shown, stream_of
from showface.photo.metadata import Metadata, metadata_of
from showface.photo.photograph import Mode, Photo

# What the first box of the file says it is; "mif1" is any picture in such a file, of which the library reads HEVC.
BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
MODES = {"L": "L", "RGB": "RGB", "RGBA": "RGBA", "RGBa": "RGBA"}
QUALITY = 95


def is_heic(path: Source) -> bool:
    """Whether the content of a file calls itself HEIC."""
    with one_line_reason(path), stream_of(path) as stream:
        start = stream.read(12)
    return start[4:8] == b"ftyp" and start[8:12] in BRANDS


def _library() -> Any:
    try:
        return importlib.import_module("pillow_heif")
    except ImportError as error:
        raise MissingExtraError("HEIC pictures need the extra: pip install 'showface[heic]'") from error


@contextmanager
def _as_value_error() -> Iterator[None]:
    """The library reports some damage as RuntimeError, which is not caught elsewhere."""
    try:
        yield
    except RuntimeError as error:
        raise ValueError(str(error)) from error


def decode(path: Source, *, pixel_limit: int) -> Photo:
    """The main picture of a HEIC file, upright (the library turns it), with 8 bits a channel or, of 10 and 12, 16."""
    library = _library()
    with one_line_reason(path), _as_value_error(), stream_of(path) as stream:
        picture = library.open_heif(stream, convert_hdr_to_8bit=False)
        refuse_too_many_pixels(picture.size, pixel_limit)
        colours = picture.mode.split(";")[0]
        if colours not in MODES:
            raise ImageError(f"expected a HEIC picture of grey or RGB, found {picture.mode}")
        if len(picture) > 1:
            warnings.warn(f"{shown(path)}: has several pictures; only the main one is used", stacklevel=3)
        pixels = np.array(picture)
        info = dict(picture.info)
    metadata = metadata_of(info, exif=info.get("exif"), xmp=info.get("xmp"))
    return Photo(
        pixels=pixels.reshape(*pixels.shape[:2], -1),
        mode=cast(Mode, MODES[colours]),
        format="HEIC",
        stored=picture.mode,
        metadata=metadata,
    )


def write(stream: Stream, photo: Photo, metadata: Metadata, quality: int | None) -> None:
    """Pixels of L, RGB or RGBA, uint8 or uint16 (written with 10 bits), at `quality`; HEIC is not lossless here."""
    library = _library()
    mode = photo.mode if photo.pixels.dtype == np.uint8 else f"{photo.mode};16"
    with _as_value_error():
        picture = library.from_bytes(mode, (photo.width, photo.height), photo.pixels.tobytes())
        if metadata.icc_profile:
            picture.info["icc_profile"] = metadata.icc_profile
            picture.info["icc_profile_type"] = "prof"
        picture.save(stream, quality=quality or QUALITY, chroma=444, exif=metadata.exif, xmp=metadata.xmp)
