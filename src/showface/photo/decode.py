"""From a picture file to a `Photo`: full depth, upright, with what belongs to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from showface.images import PIXEL_LIMIT, Held, Source, opened, rgb, unit_values
from showface.photo import deep, heic
from showface.photo.metadata import colour_chunks_of, metadata_of, orientation_of, read_metadata
from showface.photo.photograph import JpegSettings, Mode, Photo, SourceFile

BAND = 1 << 20  # pixels that are copied out of the decoder at once

# From the upright picture to the one in the file, as views, by EXIF orientation.
AS_STORED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright),
    7: lambda upright: np.rot90(upright, 2).transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}


def decode(path: Source, *, pixel_limit: int = PIXEL_LIMIT) -> Photo:
    """The photograph in `path` (or held in memory), upright. The content decides about the format, not the name.

    Read are PNG, JPEG, WEBP, TIFF and BMP, and HEIC with the extra `heic`. Raises `ImageError` (a file that is missing,
    damaged, of another format, or of more than `pixel_limit` pixels, which is known before any is decoded) and
    `MissingExtraError` (HEIC without the extra). Of an animation or of several pages the first is used, with a warning.
    """
    if heic.is_heic(path):
        photo = heic.decode(path, pixel_limit=pixel_limit)
    else:
        with opened(path, pixel_limit=pixel_limit) as picture:
            photo = _photo_of_file(picture)
    return photo if isinstance(path, Held) else replace(photo, source=SourceFile.of(Path(path)))


def photo_of(picture: Image.Image) -> Photo:
    """A Pillow picture as a photo that would be written as PNG. Its colour profile stays; it is not turned."""
    pixels, mode = _copied(picture, orientation=1)
    metadata = metadata_of({"icc_profile": picture.info.get("icc_profile")}, exif=None, xmp=None)
    return Photo(pixels=pixels, mode=mode, format="PNG", stored=picture.mode, metadata=metadata)


def _photo_of_file(picture: ImageFile.ImageFile) -> Photo:
    """A picture file whose header was read; decodes the rest."""
    stored, stream, samples = picture.mode, picture.fp, deep.rawmode(picture)
    if deep.is_deep(picture):
        stored, premultiplied = f"{picture.mode};16", deep.is_premultiplied(picture)
        high, low = deep.halves(picture)
        orientation = orientation_of(picture)
        pixels, mode = _joined(high, low, orientation)
        pixels = deep.unmultiplied(pixels) if premultiplied else pixels
    else:
        levels = deep.grey_levels(picture)
        picture.load()
        orientation = orientation_of(picture)
        pixels, mode = _copied(picture, orientation)
        pixels = levels(pixels) if levels else pixels
    pixels, mode = _keyed(pixels, mode, picture, samples)
    metadata = read_metadata(picture)
    if isinstance(picture, PngImagePlugin.PngImageFile) and stream is not None:
        metadata = replace(metadata, colour_chunks=colour_chunks_of(stream))
    return Photo(
        pixels=pixels,
        mode=mode,
        format="JPEG" if picture.format == "MPO" else str(picture.format),
        stored=stored,
        metadata=metadata,
        jpeg=_jpeg_settings(picture, turned=orientation > 4),
        compression=picture.info.get("compression") if isinstance(picture, TiffImagePlugin.TiffImageFile) else None,
    )


# ---------------------------------------------------------------------------------------------- pixels


def _bands(picture: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    """A picture in stripes of full width: copied as a whole it would be in memory twice more."""
    rows = max(1, BAND // picture.width)
    for top in range(0, picture.height, rows):
        bottom = min(top + rows, picture.height)
        yield slice(top, bottom), picture.crop((0, top, picture.width, bottom))


def _copied(picture: Image.Image, orientation: int) -> tuple[np.ndarray, Mode]:
    """A decoded picture as upright pixels (h, w, c) and their mode; palettes and 1-bit pictures are widened."""
    pixels: np.ndarray | None = None
    mode: Mode = "L"
    for rows, band in _bands(picture):
        values, mode = _values(band)
        if pixels is None:
            pixels = _upright_space(picture, orientation, values)
        AS_STORED[orientation](pixels)[rows] = values
    assert pixels is not None  # no format holds a picture without rows
    return pixels, mode


def _joined(high: Image.Image, low: Image.Image | None, orientation: int) -> tuple[np.ndarray, Mode]:
    """What `deep.halves` gave as upright uint16 pixels (h, w, c) and their mode."""
    pixels: np.ndarray | None = None
    lows = _bands(low) if low else None
    for rows, band in _bands(high):
        low_band = np.asarray(next(lows)[1]) if lows else None
        values = deep.joined(np.asarray(band), low_band)
        if pixels is None:
            pixels = _upright_space(high, orientation, values)
        AS_STORED[orientation](pixels)[rows] = values
    assert pixels is not None
    return pixels, cast(Mode, high.mode if low else "LA")


def _upright_space(stored: Image.Image, orientation: int, values: np.ndarray) -> np.ndarray:
    """Room for the upright picture with the depth and channels of `values`."""
    size = (stored.height, stored.width) if orientation <= 4 else (stored.width, stored.height)
    return np.empty((*size, values.shape[2]), dtype=values.dtype)


def _values(band: Image.Image) -> tuple[np.ndarray, Mode]:
    """A part of a decoded picture as an array (h, w, c) of the depth and mode that a photo has."""
    if band.mode == "F":
        return unit_values(band).astype(np.float32)[..., None], "L"
    if band.mode == "I" or band.mode.startswith("I;16"):
        return np.round(unit_values(band) * 65535).astype(np.uint16)[..., None], "L"
    if band.mode == "1":
        band = band.convert("L")
    elif band.mode in ("P", "PA"):
        band = band.convert("RGBA" if band.mode == "PA" or "transparency" in band.info else "RGB")
    elif band.mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        band = rgb(band)
    return np.asarray(band).reshape(band.height, band.width, -1), cast(Mode, band.mode)


def _keyed(pixels: np.ndarray, mode: Mode, picture: Image.Image, samples: str) -> tuple[np.ndarray, Mode]:
    """Pixels with the alpha channel that a PNG describes by naming one transparent colour."""
    key = picture.info.get("transparency")
    if key is None or mode not in ("L", "RGB") or picture.mode == "P":
        return pixels, mode
    full = 65535 if pixels.dtype == np.uint16 else 255
    key = np.array(key) * {"L;2": 85, "L;4": 17}.get(samples, 1)  # given in the samples of the file
    alpha = np.where((pixels == key).all(axis=2, keepdims=True), 0, full).astype(pixels.dtype)
    return np.concatenate([pixels, alpha], axis=2), "LA" if mode == "L" else "RGBA"


# ---------------------------------------------------------------------------------------------- JPEG


def _jpeg_settings(picture: Image.Image, *, turned: bool) -> JpegSettings | None:
    """How a JPEG file was compressed; None if not as Pillow compresses (inks or RGB in another colour space)."""
    if not isinstance(picture, JpegImagePlugin.JpegImageFile):
        return None
    usual = {"L": None, "RGB": 1, "CMYK": 0}  # Adobe's number of the colour transform
    if picture.info.get("adobe_transform", usual[picture.mode]) != usual[picture.mode]:
        return None
    by_component = [tuple(picture.quantization[layer[3]]) for layer in picture.layer]
    if turned:
        by_component = [tuple(np.reshape(table, (8, 8)).T.flatten().tolist()) for table in by_component]
    while len(by_component) > 1 and by_component[-1] == by_component[-2]:
        by_component.pop()  # the encoder repeats the last
    sampling = JpegImagePlugin.get_sampling(picture)
    if sampling < 0 or (turned and sampling == 1):  # the encoder has no 4:4:0
        sampling = 0
    return JpegSettings(
        tables=tuple(by_component), subsampling=sampling, progressive=bool(picture.info.get("progressive"))
    )
