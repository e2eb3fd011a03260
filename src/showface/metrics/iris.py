"""The colour of an iris in an aligned face, robust against lids, pupil, lashes and the light's reflection.

Lengths are those of a face of 256 px and grow with the picture.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float, Float64, UInt8

from showface.metrics.cielab import cielab

RADIUS = 5.5  # of the iris: pupils lie 62 px apart, and an iris measures 0.18 of that
PUPIL = 1.5  # radius of what is left out in the middle
SEEN = 0.85  # of the most of a disc that lies between the lids anywhere: how much must lie there
BRIGHTEST = 0.2  # share of the ring that is left out as reflections and white of the eye
FEWEST = 6  # pixels of a ring that has a colour


def iris_colour(pixels: UInt8[np.ndarray, "h w 3"], eye: Bool[np.ndarray, "h w"]) -> Float64[np.ndarray, " 3"]:
    """The iris in CIELAB, sRGB in 0..255; NaN where `eye`, the pixels between the lids, holds no iris.

    Its centre is where the mean lightness of a disc, as far as it lies between the lids, is lowest. Of the ring round
    the pupil the brightest fifth is left out; the colour is the median, channel by channel, of the others.
    """
    nothing = np.full(3, math.nan)
    if not eye.any():
        return nothing
    scale, (top, left, bottom, right) = len(pixels) / 256, _bounds(eye)
    inside = eye[top:bottom, left:right]
    lab = cielab(pixels[top:bottom, left:right].reshape(-1, 3)).reshape(*inside.shape, 3)
    distance = _distance(iris_centre(lab[..., 0], inside, RADIUS * scale), inside.shape)
    ring = lab[inside & (distance <= RADIUS * scale) & (distance >= PUPIL * scale)]  # (n, 3)
    if len(ring) < FEWEST * scale * scale:
        return nothing
    kept = ring[ring[:, 0] <= np.quantile(ring[:, 0], 1 - BRIGHTEST)]
    return np.asarray(np.median(kept, axis=0))


def iris_centre(
    lightness: Float[np.ndarray, "h w"], eye: Bool[np.ndarray, "h w"], radius: float
) -> tuple[float, float]:
    """Row and column of the pixel of `eye` round which a disc is darkest, as far as it lies in `eye`.

    Only discs of which nearly as much lies there as of any: corners of an eye and the shadow of its lid are dark, too.
    """
    reach = math.ceil(radius)
    across = np.arange(-reach, reach + 1)
    disc = np.hypot(across[:, None], across) <= radius  # (k, k)
    seen, sums = (_summed(np.where(eye, values, 0.0), disc) for values in (np.ones(eye.shape), lightness))
    allowed = eye & (seen >= SEEN * seen[eye].max())
    means = np.where(allowed, sums / np.maximum(seen, 1), np.inf)
    row, column = np.unravel_index(np.argmin(means), means.shape)
    return float(row), float(column)


def _summed(values: Float[np.ndarray, "h w"], disc: Bool[np.ndarray, "k k"]) -> Float[np.ndarray, "h w"]:
    """The sum of `values` within a disc round each pixel."""
    padded = np.pad(values, len(disc) // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, disc.shape)  # (h, w, k, k)
    return np.asarray(windows[..., disc].sum(axis=-1))


def _bounds(eye: Bool[np.ndarray, "h w"]) -> tuple[int, int, int, int]:
    ys, xs = np.nonzero(eye)
    return int(ys.min()), int(xs.min()), int(ys.max()) + 1, int(xs.max()) + 1


def _distance(place: tuple[float, float], shape: tuple[int, ...]) -> Float[np.ndarray, "h w"]:
    ys, xs = np.indices(shape)
    return np.asarray(np.hypot(ys - place[0], xs - place[1]))


def colour_distance(one: Float64[np.ndarray, " 3"], other: Float64[np.ndarray, " 3"]) -> float:
    """The distance of two colours in CIELAB (CIE 1976): 2 is just seen, brown and blue eyes differ by 20 to 40."""
    return float(np.linalg.norm(one - other))
