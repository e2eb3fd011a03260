"""Two eyes look the same way; a mirrored one looks the other way.

So the iris of a mirrored eye is moved within its lids to where the completion has it, which was made in sight of the
other eye, and only if the other eye says so too: it must look to that side, and at least as far.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float

from showface.photo.symmetry import Places

RADIUS, AROUND, BAND = 5.5, 10.0, 5  # pixels of a frame: of an iris, of its surroundings, their half height
CENTRED = (0.15, 0.3)  # levels that an iris's distance (squared) from the eye's middle counts for, across and down
INSIDE = 0.45  # of the iris's disc that must lie in the eye
CONTRAST = 20.0  # levels by which an iris must be darker than what is beside it
LEAST_EYE = 60  # pixels
STILL, FURTHEST = 2.5, 8.0  # pixels: smaller ways are not told from none, longer ones are cut
CORE, FALL = (6.0, 5.0), (1.8, 6.0)  # what moves as one, across and down; over how much more it comes to rest


@dataclass(frozen=True)
class Iris:
    """The iris of an eye, in pixels of the frame."""

    x: int
    y: int
    aside: float  # how far right of the middle of its eye it lies, in the picture
    contrast: float  # levels


def iris_in(luminance: Float[np.ndarray, "h w"], eye: Bool[np.ndarray, "h w"]) -> Iris | None:
    """The dark disc in an eye that stands out best from what is beside it; None if the eye is too small to tell."""
    if eye.sum() < LEAST_EYE:
        return None
    rows, columns = np.nonzero(eye)
    margin = int(AROUND) + 2
    top, left = max(0, int(rows.min()) - margin), max(0, int(columns.min()) - margin)
    window = np.s_[top : int(rows.max()) + margin + 1, left : int(columns.max()) + margin + 1]
    inside, light = eye[window].astype(np.float32), luminance[window].astype(np.float32)
    disc, beside = _disc(RADIUS), _disc(AROUND)
    middle = len(beside) // 2
    beside[np.abs(np.arange(len(beside)) - middle) > BAND] = 0
    edge = middle - len(disc) // 2
    beside[edge:-edge, edge:-edge] *= 1 - disc
    contrast = _mean(light, inside, beside) - _mean(light, inside, disc)
    away_x = np.arange(inside.shape[1]) + left - columns.mean()
    away_y = np.arange(inside.shape[0]) + top - rows.mean()
    score = contrast - CENTRED[0] * away_x[None] ** 2 - CENTRED[1] * away_y[:, None] ** 2
    possible = (inside > 0) & (_sum(inside, disc) > INSIDE * disc.sum())
    if not possible.any():
        return None
    y, x = np.unravel_index(np.where(possible, score, -np.inf).argmax(), score.shape)
    return Iris(int(x) + left, int(y) + top, float(away_x[x]), float(contrast[y, x]))


def _disc(radius: float) -> Float[np.ndarray, "n n"]:
    reach = np.arange(-int(np.ceil(radius)), int(np.ceil(radius)) + 1)
    return np.asarray((reach[None] ** 2 + reach[:, None] ** 2 <= radius**2).astype(np.float32))


def _sum(values: Float[np.ndarray, "h w"], kernel: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "h w"]:
    return np.asarray(cv2.filter2D(values, -1, kernel, borderType=cv2.BORDER_CONSTANT))


def _mean(
    values: Float[np.ndarray, "h w"], inside: Float[np.ndarray, "h w"], kernel: Float[np.ndarray, "n n"]
) -> Float[np.ndarray, "h w"]:
    """The mean of `values` over those pixels under the kernel that are `inside`."""
    return np.asarray(_sum(values * inside, kernel) / np.maximum(_sum(inside, kernel), 1))


def looking_the_same_way(
    places: Places,
    luminance: Float[np.ndarray, "h w"],
    eyes: Bool[np.ndarray, "h w"],
    taken: Bool[np.ndarray, "h w"],
    axis: float,
) -> Places:
    """`places` with the iris of a mirrored eye moved, where it would look another way than the eye it is taken from.

    `luminance` is of the completed face, `eyes` where its eyes are, `taken` where mirrored pixels go; `axis` is the x
    that parts both eyes.
    """
    columns = np.nonzero(taken)[1]
    if not len(columns):
        return places
    left = np.arange(eyes.shape[1]) < axis
    hidden_left = bool(columns.mean() < axis)
    seen = iris_in(luminance, eyes & (left != hidden_left))
    guessed = iris_in(luminance, eyes & (left == hidden_left))
    if seen is None or guessed is None or min(seen.contrast, 3 * guessed.contrast) < CONTRAST:
        return places
    away = (places.x - seen.x) ** 2 + (places.y - seen.y) ** 2
    y, x = (int(place) for place in np.unravel_index(away.argmin(), away.shape))
    way, wanted = float(guessed.x - x), 2 * seen.aside
    if away[y, x] > 4 or not taken[y, x] or way * wanted <= 0 or min(abs(way), abs(wanted)) < STILL:
        return places
    return _moved(places, x, y, float(np.sign(way)) * min(abs(way), abs(wanted), FURTHEST))


def _moved(places: Places, x: int, y: int, way: float) -> Places:
    """What is taken from round (x, y) goes `way` pixels to the right; lids and corners of the eye stay."""
    height, width = places.x.shape
    xs, ys = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    across = np.maximum(np.abs(xs - (x + way)) - CORE[0], 0) / max(FALL[0] * abs(way), 5)
    down = np.maximum(np.abs(ys - y) - CORE[1], 0) / FALL[1]
    share = np.clip(1 - across, 0, 1) * np.clip(1 - down, 0, 1)
    from_x = (xs - way * share * share * (3 - 2 * share)).astype(np.float32)
    back = Places(from_x, ys)
    return Places(back.of(places.x), back.of(places.y))
