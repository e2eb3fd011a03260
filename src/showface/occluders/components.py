"""Parts of a face hidden completely, from its map of semantic categories.

Every hole is grown, so that no rim of the part, no lash and no shadow stays visible as a cue to what was there.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Integer

from showface.errors import SettingError, unknown
from showface.occluders.shapes import grid, limb
from showface.semantics import region_categories

LEAST = 0.001  # share of the picture below which a part counts as absent
GROWTH = {
    "eyes": 0.025, "eye-region": 0.04, "brows": 0.02, "nose": 0.025, "mouth": 0.025, "lower-face": 0.03,
    "left-half": 0.03,
}  # the names of all components, and by how much each is grown, in sides of the picture  # fmt: skip


def hide_component(
    name: str, labels: Integer[np.ndarray, "height width"], size: int
) -> Bool[np.ndarray, "{size} {size}"]:
    """The mask of one component of a square face at `size`; True = hole, empty where the face does not show it.

    `labels` are categories at any size. The names, with hole shares as nine of ten of 200
    CelebA-HQ faces have them:

    * `eyes`, `brows`, `nose`, `mouth`: the component, grown; 0.014 to 0.043.
    * `eye-region`: eyes, or the glasses before them, with lids and all that is between and around them, as with one
      stroke of a thick brush; 0.04 to 0.07, with glasses up to 0.22.
    * `lower-face`: all of the face below the middle of the nose; 0.13 to 0.22.
    * `left-half`: all of the face, and the ear, to the left (in the picture) of the middle of the nose; 0.12 to 0.28.
    """
    if name not in GROWTH:
        raise SettingError(unknown("component", name, GROWTH))
    labels, radius = resampled(labels, size), GROWTH[name] * size
    if name == "eye-region":
        return _eye_region(labels, radius)
    if name == "lower-face":
        return below_nose(labels, radius)
    if name == "left-half":
        return _left_half(labels, radius)
    return grown(seen_region(labels, name), radius)


def resampled(labels: Integer[np.ndarray, "height width"], size: int) -> Integer[np.ndarray, "{size} {size}"]:
    """A map of categories at `size`, by nearest neighbour."""
    rows, columns = ((2 * np.arange(size) + 1) * side // (2 * size) for side in labels.shape)
    return labels[np.ix_(rows, columns)]


def seen_region(labels: Integer[np.ndarray, "h w"], name: str) -> Bool[np.ndarray, "h w"]:
    """Where a region of `semantics.REGIONS` is; nowhere if that is next to nothing."""
    found = np.isin(labels, region_categories(name))
    return found if found.mean() >= LEAST else np.zeros_like(found)


def _eye_region(labels: Integer[np.ndarray, "h w"], radius: float) -> Bool[np.ndarray, "h w"]:
    """Eyes and glasses, grown, and one stroke of a brush from corner to corner that is as broad as they are high."""
    eyes = np.asarray(seen_region(labels, "eyes") | seen_region(labels, "glasses"))
    if not eyes.any():
        return eyes
    side, (ys, xs) = len(eyes), np.nonzero(eyes)
    left, right = ((float(x + 0.5) / side, float(ys[xs == x].mean() + 0.5) / side) for x in (xs.min(), xs.max()))
    broad = (radius + float(eyes.sum(axis=0).max()) / 2) / side
    return np.asarray((limb(grid(side), left, right, (broad, broad)) < 0) | grown(eyes, radius))


def below_nose(labels: Integer[np.ndarray, "h w"], radius: float, shift: float = 0.0) -> Bool[np.ndarray, "h w"]:
    """The face below the middle of its nose, grown; nowhere if it shows no nose. `shift`: begin so much lower."""
    nose = seen_region(labels, "nose")
    return _half(seen_region(labels, "face"), nose, radius, axis=0, shift=shift)


def _left_half(labels: Integer[np.ndarray, "h w"], radius: float) -> Bool[np.ndarray, "h w"]:
    """The face and the ear to the left of the middle of the nose, grown; nowhere if it shows no nose."""
    wanted = np.asarray(seen_region(labels, "face") | seen_region(labels, "ears"))
    return _half(wanted, seen_region(labels, "nose"), radius, axis=1)


def _half(
    wanted: Bool[np.ndarray, "h w"], nose: Bool[np.ndarray, "h w"], radius: float, *, axis: int, shift: float = 0.0
) -> Bool[np.ndarray, "h w"]:
    """What is `wanted` below (axis 0) or to the left (axis 1) of the middle of the nose, grown on that side."""
    if not nose.any():
        return nose
    places = np.indices(nose.shape)[axis]
    middle = float(places[nose].mean()) + shift
    half = places >= middle if axis == 0 else places < middle
    return np.asarray(grown(wanted & half, radius) & half)


def grown(hole: Bool[np.ndarray, "h w"], radius: float) -> Bool[np.ndarray, "h w"]:
    """The hole and all pixels within `radius` pixels of it in a straight line."""
    result, reach = hole.copy(), int(radius) + 1
    rows, columns = (np.flatnonzero(hole.any(axis=axis)) for axis in (1, 0))
    if len(rows):  # farther away nothing changes
        near = tuple(slice(max(0, int(at[0]) - reach), int(at[-1]) + reach + 1) for at in (rows, columns))
        result[near] = _grown(hole[near], radius)
    return result


def _grown(hole: Bool[np.ndarray, "h w"], radius: float) -> Bool[np.ndarray, "h w"]:
    result, (height, width), sums = hole.copy(), hole.shape, hole.cumsum(axis=1)
    for down in range(min(int(radius) + 1, height)):
        across = int(math.sqrt(radius * radius - down * down))
        counts = np.pad(sums, ((0, 0), (across + 1, across)), mode="edge")
        counts[:, : across + 1] = 0  # nothing lies to the left of the picture
        wide = counts[:, 2 * across + 1 :] > counts[:, :width]
        result[down:] |= wide[: height - down]
        result[: height - down] |= wide[down:]
    return result
