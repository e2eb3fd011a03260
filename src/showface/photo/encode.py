"""From a `Photo` to a picture file: lossless where the format can, with the metadata it came with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from showface.errors import ImageError
from showface.images import SUFFIXES as PLAIN_SUFFIXES
from showface.images import writing
from showface.photo.photograph import Photo

SUFFIXES = PLAIN_SUFFIXES | {".heic": "HEIC", ".heif": "HEIC"}


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
    lossless unless `quality` (1 to 100) is given, which is for JPEG, WEBP and HEIC. A photo that came from a JPEG file
    is written with that file's own quantisation tables. `strip_metadata` leaves out profile, EXIF, XMP and resolution.
    Raises `ImageError` if it cannot be written.
    """
    target = Path(path)
    form = refuse_unwritable(target, format=format, overwrite=overwrite)
    picture = Image.fromarray(np.squeeze(photo.pixels))
    with writing(target) as stream:
        picture.save(stream, format=form, **_options(photo, form, quality, strip_metadata))


def refuse_unwritable(path: str | os.PathLike[str], *, format: str | None = None, overwrite: bool = False) -> str:
    """The format in which `encode` would write `path`; an `ImageError` if it would refuse. To ask before work."""
    target = Path(path)
    form = format or SUFFIXES.get(target.suffix.lower())
    if form is None:
        raise ImageError(f"{target}: expected a name ending in {', '.join(SUFFIXES)}, found {target.suffix or 'none'}")
    if target.is_dir():
        raise ImageError(f"{target}: is a folder; give the name of a picture")
    if target.exists() and not overwrite:
        raise ImageError(f"{target}: exists already; choose another name or ask to overwrite it")
    return form


def _options(photo: Photo, form: str, quality: int | None, strip_metadata: bool) -> dict[str, Any]:
    options: dict[str, Any] = {} if strip_metadata else {"icc_profile": photo.metadata.icc_profile}
    if form == "JPEG":
        if photo.jpeg and quality is None:
            options |= {"qtables": photo.jpeg.tables, "subsampling": photo.jpeg.subsampling}
        else:
            options |= {"quality": quality or 95, "subsampling": 0}
    if form == "WEBP":
        options |= {"lossless": True, "exact": True} if quality is None else {"quality": quality}
    return options
