"""A decoded photograph: its pixels at full depth, and all that is needed to write it back as what it was.

photo = decode("in.jpg")                      # photo.decode
region = photo.rgb((left, top, right, bottom))
photo = photo.filled(completed, hole, corner=(top, left))
encode(photo, "out.jpg")                      # photo.encode
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

from showface.errors import MaskError, NonFiniteError
from showface.photo.colours import as_uint8, from_rgb, pillow_of, to_rgb
from showface.photo.metadata import Metadata

Mode = Literal["L", "LA", "RGB", "RGBA", "CMYK"]
PixelBox = tuple[int, int, int, int]  # left, top, right, bottom

CHANNELS: dict[Mode, int] = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}


@dataclass(frozen=True, kw_only=True)
class JpegSettings:
    """How a JPEG file was compressed, so that it can be compressed again with the least change."""

    tables: tuple[tuple[int, ...], ...]  # of 64 steps each, row by row, turned with the picture
    subsampling: int  # Pillow's number: 0 = 4:4:4, 1 = 4:2:2, 2 = 4:2:0
    progressive: bool


@dataclass(frozen=True)
class SourceFile:
    """The file a photo was read from, so that an unchanged photo is written as the very same bytes."""

    path: Path
    size: int  # bytes
    modified: int  # nanoseconds

    @classmethod
    def of(cls, path: Path) -> SourceFile:
        status = path.stat()
        return cls(path.absolute(), status.st_size, status.st_mtime_ns)

    def is_unchanged(self) -> bool:
        """Whether the file is still there as it was when it was read."""
        try:
            return self == SourceFile.of(self.path)
        except OSError:
            return False


@dataclass(frozen=True, kw_only=True, eq=False)
class Photo:
    """A photograph, upright. Not changed in place: whoever changes pixels makes a new one.

    `pixels` is (h, w, c) in the file's own colours (no profile is applied): uint8, uint16 (full scale 65535) or float32
    in [0, 1]; `mode` names the channels: L, LA, RGB, RGBA (alpha not multiplied into the colours) or CMYK (255 = full
    ink). Pictures with too few levels for a completion are wider here than in their file, with the same colours:
    palettes are RGB or RGBA, and 1-bit pictures are L. `stored` tells what the file held.
    """

    pixels: np.ndarray
    mode: Mode
    format: str  # PNG, JPEG, WEBP, TIFF, BMP or HEIC
    stored: str = ""  # the decoder's name for what the file held, such as P, 1, I;16 or RGB;16B
    metadata: Metadata = field(default_factory=Metadata)
    jpeg: JpegSettings | None = None
    compression: str | None = None  # TIFF: Pillow's name of it; raw is written raw, all others as deflate
    source: SourceFile | None = None  # the file that holds exactly this photo; None once a pixel was changed

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    def rgb(self, box: PixelBox | None = None) -> UInt8[np.ndarray, "h w 3"]:
        """What networks see: 8-bit RGB in 0..255, of all or of `box` (left, top, right, bottom); alpha is left out.

        16-bit and float values are scaled and rounded. CMYK goes through its colour profile if it has one; RGB values
        are those of the file, whatever its profile, so that a completion comes back in the same colour space.
        """
        left, top, right, bottom = box or (0, 0, self.width, self.height)
        return to_rgb(self.pixels[top:bottom, left:right], self.mode, self.metadata.icc_profile)

    def filled(
        self,
        completed: UInt8[np.ndarray, "h w 3"] | Float[np.ndarray, "h w 3"],
        hole: Bool[np.ndarray, "h w"],
        *,
        corner: tuple[int, int] = (0, 0),
    ) -> Photo:
        """A new photo with the pixels of `hole` (True) taken from `completed`, every other bit as it was.

        `completed` is RGB, uint8 or floats in [0, 1] (finer steps for deep pictures); it and `hole` lie with their
        upper left corner at `corner` (top, left) and must fit into the photo. Depth and mode stay: values are scaled,
        grey is the luminance, CMYK goes back the way it came. Alpha stays as it was, in the hole too: the shape of a
        cut-out is the owner's. An empty hole gives this very photo.
        """
        height, width = hole.shape
        top, left = corner
        if top < 0 or left < 0 or top + height > self.height or left + width > self.width:
            raise MaskError(
                f"expected a region within {self.width} x {self.height} pixels, "
                f"found {width} x {height} at left {left}, top {top}"
            )
        if not hole.any():
            return self
        values = completed[hole]  # (n, 3)
        if not np.isfinite(values).all():
            raise NonFiniteError("expected finite pixel values, found NaN or infinity; no picture is made of them")
        pixels = self.pixels.copy()
        region = pixels[top : top + height, left : left + width]
        colours = from_rgb(values, self.mode, pixels.dtype, self.metadata.icc_profile)  # (n, channels without alpha)
        for channel in range(colours.shape[1]):
            region[..., channel][hole] = colours[:, channel]
        return replace(self, pixels=pixels, source=None)

    def picture(self) -> Image.Image:
        """This photo as a Pillow picture of 8 bits in its own mode and with its profile, to look at."""
        picture = pillow_of(as_uint8(self.pixels), self.mode)
        if self.metadata.icc_profile:
            picture.info["icc_profile"] = self.metadata.icc_profile
        return picture
