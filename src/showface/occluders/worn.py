"""What people wear on their faces: glasses and medical masks, where the alignment of CelebA-HQ puts the face."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool

from showface.occluders.shapes import (
    LEFT_EYE,
    MIDLINE,
    RIGHT_EYE,
    Place,
    Points,
    grid,
    inside,
    limb,
    oval,
    rounded,
    seen_from,
)  # fmt: skip


def glasses(
    rng: np.random.Generator, size: int | tuple[int, int], eyes: tuple[Place, Place] = (LEFT_EYE, RIGHT_EYE)
) -> Bool[np.ndarray, "h w"]:
    """Two lenses with their rims, a bridge and temples, on the `eyes`; lenses of any fashion from round to square."""
    (left, top), (right, bottom) = eyes
    points = _on_the_face(rng, size, ((left + right) / 2, (top + bottom) / 2), (0.012, 0.012), 4.0)
    points = seen_from(points, (0.0, 0.0), math.atan2(bottom - top, right - left))
    eye = math.hypot(right - left, bottom - top) / 2 + float(rng.uniform(-0.006, 0.012))
    width = float(rng.uniform(0.085, max(0.086, min(0.115, eye - 0.008))))
    above, below = width * float(rng.uniform(0.6, 0.9)), width * float(rng.uniform(0.7, 1.15))
    power, bar = float(rng.uniform(2.0, 5.0)), float(rng.uniform(0.006, 0.011))
    shown = np.zeros(points.shape[1:], dtype=bool)
    for side in (-1, 1):
        shown |= oval(points, (side * eye, 0.008), (width, above, below), power)
        hinge, ear = (side * (eye + 0.9 * width), -0.45 * above), (side * float(rng.uniform(0.28, 0.32)), -0.01)
        shown |= limb(points, hinge, ear, (bar * 1.3, bar)) < 0
    height = -above * float(rng.uniform(0.1, 0.5))
    return shown | (limb(points, (0.7 * width - eye, height), (eye - 0.7 * width, height), (bar, bar)) < 0)


# The right half of the mask's rim, from the bridge of the nose to below the chin; x from the midline, y of the picture.
RIM = (
    (0.0, 0.525), (0.075, 0.548), (0.17, 0.588), (0.255, 0.605), (0.262, 0.70), (0.225, 0.80), (0.14, 0.90),
    (0.0, 0.955),
)  # fmt: skip
UPPER, LOWER = 3, 5  # where the straps begin


def medical_mask(rng: np.random.Generator, size: int | tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Over nose, mouth and chin, with two straps to each ear; the head may be turned, which widens one half."""
    points = _on_the_face(rng, size, (MIDLINE, 0.0), (0.01, 0.012), 3.0)
    worn, turned, wide = float(rng.uniform(-0.025, 0.04)), float(rng.uniform(-0.1, 0.1)), float(rng.uniform(0.9, 1.06))
    pull, strap = float(rng.uniform(0, 1)), float(rng.uniform(0.006, 0.010))

    def placed(side: int, place: Place) -> Place:
        x, y = place
        return side * wide * (1 + side * turned) * x, y + worn * (0.955 - y) / 0.43  # the chin stays where it is

    right, left = ([placed(side, place) for place in RIM] for side in (1, -1))
    shown = inside(points, rounded([*right, *left[-2:0:-1]]))
    for side, rim in ((1, right), (-1, left)):
        for knot, ear in ((UPPER, (0.335, 0.49 + 0.02 * pull)), (LOWER, (0.325, 0.62 + 0.03 * pull))):
            end = (side * (1 + side * turned) * ear[0], ear[1])
            shown |= limb(points, rim[knot], end, (strap, strap)) < 0
    return shown


def _on_the_face(
    rng: np.random.Generator, size: int | tuple[int, int], origin: Place, jitter: Place, degrees: float
) -> Points:
    """The picture's points seen from `origin`, moved by at most `jitter` and turned by at most `degrees`."""
    moved = (origin[0] + float(rng.uniform(-1, 1)) * jitter[0], origin[1] + float(rng.uniform(-1, 1)) * jitter[1])
    return seen_from(grid(size), moved, math.radians(rng.uniform(-degrees, degrees)))
