"""The colours of a photograph that has one for each brightness: grey, sepia, toned; and how a completion gets them.

Such a photograph is saved as RGB like any other, and the networks would give it blue eyes and pink lips. How far its
known pixels lie from the mean colour of their brightness is how far those of the hole may lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from jaxtyping import Bool, Float

from showface.masks import extent
from showface.photo.colours import FULL_SCALE, to_rgb
from showface.photo.photograph import Photo, PixelBox
from showface.photo.put_back import tiles

SAMPLES = 200_000  # pixels of a photograph that are looked at
FEWEST = 64  # known pixels without which nothing is said about its colours
KNOTS = np.arange(0.0, 264.0, 8.0)  # brightness, in levels of 255, at which the mean colour is known
OFTEN = 0.995  # share of the known pixels that lie no further from the line than the hole's may
NOISE, STRONG = 9.0, 12.0  # levels: what compression leaves of no distance; from here on it is a picture in colours
LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True, eq=False)
class ColourLine:
    """The mean colour of each brightness in `KNOTS`, and how far from it colours lie; levels of 255."""

    colours: Float[np.ndarray, "33 3"]
    width: float

    def of(self, values: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "... 3"]:
        """The colours on the line that are as bright as `values`."""
        luma = values @ LUMA
        return np.stack([np.interp(luma, KNOTS, channel) for channel in self.colours.T], axis=-1)

    def near(self, values: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "... 3"]:
        """`values`, those that lie too far from the line brought as near as the known ones are."""
        line = self.of(values)
        away = values - line
        size = np.abs(away).max(axis=-1, keepdims=True)
        return np.asarray(line + away * np.minimum(1.0, self.width / np.maximum(size, 1e-6)))


def colour_line(photo: Photo, hole: Bool[np.ndarray, "h w"]) -> ColourLine | None:
    """The line on which, or near which, what is known of `photo` lies; None for a picture in many colours, or grey."""
    if photo.mode in ("L", "LA"):
        return None
    step = max(1, ceil(sqrt(photo.height * photo.width / SAMPLES)))
    known = ~hole[::step, ::step]
    values = to_rgb(photo.pixels[::step, ::step], photo.mode, photo.metadata.icc_profile)[known].astype(np.float64)
    if len(values) < FEWEST:
        return None
    line = ColourLine(_means(values), 0.0)
    width = float(np.quantile(np.abs(values - line.of(values)).max(axis=1), OFTEN))
    return ColourLine(line.colours, 0.0 if width <= NOISE else width) if width < STRONG else None


def _means(values: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "33 3"]:
    """The mean colour at each knot; where there is none, what lies between its neighbours, or goes on from the last."""
    luma = values @ LUMA
    nearest = np.round(luma / 8).astype(int)
    counts = np.bincount(nearest, minlength=len(KNOTS))
    there = counts >= max(3, len(values) // 20_000)
    if not there.any():
        there = counts > 0
    places = np.bincount(nearest, luma, len(KNOTS))[there] / counts[there]
    # of a colour its share above the brightness, which goes on better beyond the last knot than the colour itself
    above = [np.bincount(nearest, values[:, c] - luma, len(KNOTS))[there] / counts[there] for c in range(3)]
    return np.stack([(KNOTS + np.interp(KNOTS, places, channel)).clip(0, 255) for channel in above], axis=1)


def on_its_line(completed: Photo, photo: Photo, hole: Bool[np.ndarray, "h w"]) -> Photo:
    """`completed`, the `hole` of which has no colours that `photo` has not, if that lies on one colour line."""
    line = colour_line(photo, hole)
    if line is None or not hole.any():
        return completed
    rows, columns = extent(hole)
    for box in tiles((columns.start, rows.start, columns.stop, rows.stop)):
        part = hole[box[1] : box[3], box[0] : box[2]]
        values = line.near(_levels(completed, box).astype(np.float64)).clip(0, 255) / 255
        completed = completed.filled(values, part, corner=(box[1], box[0]))
    return completed


def _levels(photo: Photo, box: PixelBox) -> Float[np.ndarray, "h w 3"]:
    """RGB in 0..255, at the photograph's own depth."""
    left, top, right, bottom = box
    if photo.mode == "CMYK":
        return photo.rgb(box).astype(np.float32)
    pixels = photo.pixels[top:bottom, left:right, :3]
    return np.asarray(pixels.astype(np.float32) * np.float32(255 / FULL_SCALE.get(pixels.dtype, 1)))
