"""From a `Photo` to a picture file: lossless where the format can, with the metadata it came with.

A JPEG cannot be decoded and encoded again without any change. What can be done is done: the tables, the subsampling and
the scan order of the file are used again, so that blocks of pixels which did not change come out nearly the same.
"""

from __future__ import annotations

import io
import os
import shutil
import struct
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from showface.errors import ImageError, SettingError, unknown
from showface.images import SUFFIXES as PLAIN_SUFFIXES
from showface.images import Stream, reason, shown, writing
from showface.photo import deep, heic, tiff
from showface.photo.colours import pillow_of, scaled
from showface.photo.metadata import save_options, without_metadata
from showface.photo.photograph import Mode, Photo

SUFFIXES = PLAIN_SUFFIXES | {".heic": "HEIC", ".heif": "HEIC"}

# What each format holds: modes, and bits a channel (32 = floats).
HOLDS: dict[str, tuple[tuple[Mode, ...], tuple[int, ...]]] = {
    "PNG": (("L", "LA", "RGB", "RGBA"), (8, 16)),
    "JPEG": (("L", "RGB", "CMYK"), (8,)),
    "WEBP": (("RGB", "RGBA"), (8,)),
    "TIFF": (("L", "LA", "RGB", "RGBA", "CMYK"), (8, 16, 32)),
    "BMP": (("L", "RGB"), (8,)),
    "HEIC": (("RGB", "RGBA"), (8, 16)),
}
LONGEST_SIDE = {"JPEG": 65_535, "WEBP": 16_383}  # pixels
LOSSY = ("JPEG", "WEBP", "HEIC")  # take a quality
JPEG_QUALITY = 95  # of what was no JPEG before


def encode(
    photo: Photo,
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    quality: int | None = None,
    strip_metadata: bool = False,
    overwrite: bool = False,
) -> None:
    """Writes `photo` to `path`, completely or not at all; an existing file is refused unless `overwrite`.

    `format` (PNG, JPEG, WEBP, TIFF, BMP, HEIC) is by default that of the name's ending. PNG, WEBP, TIFF and BMP are
    lossless unless `quality` (1 to 100; for JPEG, WEBP and HEIC) is given. A photo that came from a JPEG file is
    compressed with that file's own quantisation tables. A photo in which nothing was changed is, in its own format,
    written as a copy of its file, byte for byte. `strip_metadata` leaves out profile, EXIF, XMP and resolution.
    What the format cannot hold (alpha, inks, more than 8 bits) is converted, with a warning.
    Raises `ImageError` if the file cannot be written, `SettingError` for an impossible format or quality.
    """
    form = refuse_unwritable(path, format=format, overwrite=overwrite)
    refuse_quality(form, quality)
    target = Path(os.path.realpath(path))  # of a link, what it points to
    source = photo.source
    if source and form == photo.format and quality is None and not strip_metadata and source.is_unchanged():
        with source.path.open("rb") as old, writing(target) as stream:
            shutil.copyfileobj(old, stream)
        return
    photo = _ready(photo, form, strip_metadata=strip_metadata)
    with writing(target) as stream:
        _write(stream, photo, form, quality)


def encoded(
    photo: Photo, *, format: str | None = None, quality: int | None = None, strip_metadata: bool = False
) -> bytes:
    """The file that `encode` would write for a changed `photo`, in memory; by default in the photo's own format."""
    form = format.upper() if format else photo.format
    if form not in HOLDS:
        raise SettingError(unknown("format", form, HOLDS))
    refuse_quality(form, quality)
    photo = _ready(photo, form, strip_metadata=strip_metadata)
    stream = io.BytesIO()
    try:
        _write(stream, photo, form, quality)
    except (OSError, ValueError, OverflowError, struct.error) as error:
        raise ImageError(f"the picture cannot be written as {form}: {reason(error)}") from error
    return stream.getvalue()


def refuse_quality(form: str, quality: int | None) -> None:
    """Raises `SettingError` for a quality that the format has not."""
    if quality is not None and (form not in LOSSY or not 1 <= quality <= 100):
        raise SettingError(f"expected a quality from 1 to 100 for {', '.join(LOSSY)}, found {quality} for {form}")


def _ready(photo: Photo, form: str, *, strip_metadata: bool) -> Photo:
    """The photo as a file of this format will hold it."""
    if strip_metadata:
        photo = replace(photo, metadata=without_metadata(photo.metadata))
    photo = fitted(photo, form)
    _refuse_long_sides(photo, form)
    return photo


def refuse_unwritable(path: str | os.PathLike[str], *, format: str | None = None, overwrite: bool = False) -> str:
    """The format in which `encode` would write `path`; an error if it would refuse. To ask before work."""
    target, name = Path(path), shown(path)
    by_name = SUFFIXES.get(target.suffix.lower())
    form = format.upper() if format else by_name
    if form is None:
        endings = ", ".join(SUFFIXES)
        raise ImageError(f"{name}: expected a name ending in {endings}, found {shown(target.suffix) or 'none'}")
    if form not in HOLDS:
        raise SettingError(unknown("format", form, HOLDS))
    if by_name not in (None, form):
        raise ImageError(f"{name}: is a name for {by_name}, but {form} was asked for; give it another ending")
    if target.is_dir():
        raise ImageError(f"{name}: is a folder; give the name of a picture")
    if os.path.lexists(target) and not overwrite:
        raise ImageError(f"{name}: exists already; choose another name or ask to overwrite it")
    return form


def fitted(photo: Photo, form: str) -> Photo:
    """The photo as the format can hold it; a warning names what is lost."""
    modes, depths = HOLDS[form]
    lost = []
    mode, pixels, metadata = photo.mode, photo.pixels, photo.metadata
    if mode == "CMYK" and mode not in modes:
        mode, pixels, metadata = "RGB", photo.rgb(), replace(metadata, icc_profile=None)
        lost.append("inks")
    if mode in ("LA", "RGBA") and "RGBA" not in modes:
        mode, pixels = ("L", pixels[..., :1]) if mode == "LA" else ("RGB", pixels[..., :3])
        lost.append("alpha")
    if mode == "LA" and (mode not in modes or (form == "TIFF" and pixels.dtype != np.uint8)):
        mode, pixels = "RGBA", pixels[..., [0, 0, 0, 1]]
    if mode == "L" and mode not in modes:
        mode, pixels = "RGB", pixels.repeat(3, axis=2)
    bits = 8 * pixels.dtype.itemsize
    if bits not in depths:
        pixels = scaled(pixels, np.dtype(np.uint16 if max(depths) == 16 else np.uint8))
        lost.append(f"{bits}-bit values")
    if lost:
        warnings.warn(f"{form} cannot hold {' or '.join(lost)}: converted", stacklevel=3)
    return replace(photo, mode=mode, pixels=pixels, metadata=metadata)


def _refuse_long_sides(photo: Photo, form: str) -> None:
    longest = LONGEST_SIDE.get(form)
    if longest and max(photo.width, photo.height) > longest:
        raise ImageError(
            f"a {form} file holds at most {longest:,} pixels a side, found {photo.width} x {photo.height}; "
            "choose another format"
        )


def _write(stream: Stream, photo: Photo, form: str, quality: int | None) -> None:
    deep_colour = photo.pixels.dtype == np.uint16 and photo.mode != "L"
    if form == "HEIC":
        heic.write(stream, photo, photo.metadata, quality)
    elif form == "PNG" and deep_colour:
        deep.write_png(stream, photo.pixels, photo.metadata)
    elif form == "TIFF":
        tiff.write(stream, photo.pixels, photo.mode, photo.metadata, raw=photo.compression == "raw")
    else:
        options = _options(photo, form, quality) | save_options(photo.metadata, form)
        pillow_of(photo.pixels, photo.mode).save(stream, form, **options)


def _options(photo: Photo, form: str, quality: int | None) -> dict[str, Any]:
    """How Pillow is to compress."""
    if form == "JPEG":
        return _jpeg_options(photo, quality)
    if form == "WEBP":  # exact: colours under full transparency stay
        return {"lossless": True, "exact": True} if quality is None else {"quality": quality, "exact": True}
    if form == "PNG":  # half the time of the default level, for 5 % more bytes
        return {"compress_level": 3}
    return {}


def _jpeg_options(photo: Photo, quality: int | None) -> dict[str, Any]:
    settings = photo.jpeg
    channels = photo.pixels.shape[2]
    if settings is None or len(settings.tables) > channels:
        return {"quality": quality or JPEG_QUALITY, "subsampling": 0}
    how = {"quality": quality} if quality else {"qtables": [list(table) for table in settings.tables]}
    return {**how, "subsampling": settings.subsampling, "progressive": settings.progressive}
