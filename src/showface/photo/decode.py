"""From a picture file to a `Photo`: full depth, upright, with what belongs to it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, JpegImagePlugin

from showface.errors import ImageError
from showface.images import PIXEL_LIMIT, UPRIGHT, opened, rgb, unit_values
from showface.photo.metadata import orientation_of, read_metadata
from showface.photo.photograph import JpegSettings, Mode, Photo


def decode(path: str | os.PathLike[str], *, pixel_limit: int = PIXEL_LIMIT) -> Photo:
    """The photograph in `path`, upright. The content decides about the format, not the name.

    Read are PNG, JPEG, WEBP, TIFF and BMP, and HEIC with the extra `heic`. Raises `ImageError` (a file that is missing,
    damaged, of another format, or of more than `pixel_limit` pixels, which is known before any is decoded) and
    `MissingExtraError` (HEIC without the extra). Of an animation or of several pages the first is used, with a warning.
    """
    with opened(path, pixel_limit=pixel_limit) as picture:
        photo = _photo_of_file(picture)
    return replace(photo, source=Path(path))


def photo_of(picture: Image.Image) -> Photo:
    """A Pillow picture as a photo that would be written as PNG; its colour profile stays, turned it is not."""
    pixels, mode = _pixels(picture)
    return Photo(pixels=pixels, mode=mode, format="PNG", stored=picture.mode)


def _photo_of_file(picture: ImageFile.ImageFile) -> Photo:
    stored = picture.mode
    picture.load()
    metadata, orientation = read_metadata(picture), orientation_of(picture)
    upright = picture.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else picture
    pixels, mode = _pixels(upright)
    return Photo(
        pixels=pixels,
        mode=mode,
        format="JPEG" if picture.format == "MPO" else str(picture.format),
        stored=stored,
        metadata=metadata,
        jpeg=_jpeg_settings(picture),
        compression=picture.info.get("compression") if picture.format == "TIFF" else None,
    )


def _pixels(picture: Image.Image) -> tuple[np.ndarray, Mode]:
    """Pixels (h, w, c) and their mode; palettes and 1-bit pictures are widened."""
    if picture.mode == "F" or picture.mode == "I" or picture.mode.startswith("I;16"):
        values = unit_values(picture)
        deep = values.astype(np.float32) if picture.mode == "F" else np.round(values * 65535).astype(np.uint16)
        return deep[..., None], "L"
    if picture.mode == "1":
        picture = picture.convert("L")
    elif picture.mode in ("P", "PA"):
        picture = picture.convert("RGBA" if picture.mode == "PA" or "transparency" in picture.info else "RGB")
    if picture.mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        picture = rgb(picture)
    pixels = np.array(picture)
    mode: Mode = picture.mode  # type: ignore[assignment]
    return pixels.reshape(picture.height, picture.width, -1), mode


def _jpeg_settings(picture: Image.Image) -> JpegSettings | None:
    if not isinstance(picture, JpegImagePlugin.JpegImageFile):
        return None
    tables = tuple(tuple(picture.quantization[key]) for key in sorted(picture.quantization))
    sampling = JpegImagePlugin.get_sampling(picture)
    return JpegSettings(tables=tables, subsampling=max(sampling, 0), progressive=bool(picture.info.get("progressive")))


__all__ = ["ImageError", "decode", "photo_of"]
