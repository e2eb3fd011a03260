"""A hand before the face, with its forearm as far as the picture goes.

In the hand's own frame the wrist is at (0, 0), the fingers point up (y below 0), the thumb is on the left and the tip
of the middle finger lies one unit away. Proportions are those of a grown-up's hand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from showface.occluders.shapes import Distance, Place, Points, grid, inside_melted, limb, seen_from


@dataclass(frozen=True)
class Finger:
    """One finger; lengths in units of the hand's."""

    knuckle: Place
    length: float  # from the knuckle to the tip
    radius: float  # half its thickness at the knuckle
    lean: float  # how far it turns outwards, in degrees, when the hand is spread normally


FINGERS = (
    Finger((-0.158, -0.530), 0.41, 0.050, -11.0),
    Finger((-0.052, -0.560), 0.44, 0.051, -3.0),
    Finger((0.053, -0.545), 0.41, 0.049, 5.0),
    Finger((0.150, -0.490), 0.33, 0.042, 15.0),
)
WRIST = ((-0.075, -0.06), (-0.028, -0.05), (0.025, -0.05), (0.072, -0.06))  # where the bones of the palm begin
WEB = 0.012  # how far skin fills the angles between fingers


def hand(rng: np.random.Generator, size: int | tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """A left or right hand over some part of the face, coming from below or from a side."""
    turn = math.radians(rng.uniform(-100, 100))
    length = float(rng.uniform(0.55, 0.8))
    middle = (0.5 + float(rng.uniform(-0.16, 0.16)), 0.6 + float(rng.uniform(-0.2, 0.12)))
    wrist = (middle[0] - 0.55 * length * math.sin(turn), middle[1] + 0.55 * length * math.cos(turn))
    points = seen_from(grid(size), wrist, turn, length, mirrored=bool(rng.random() < 0.5))
    parts = [*_palm(points), *_thumb(rng, points), *_fingers(rng, points), _forearm(rng, points)]
    return inside_melted(parts, WEB)


def _palm(points: Points) -> list[Distance]:
    return [limb(points, start, f.knuckle, (0.085, f.radius + 0.012)) for start, f in zip(WRIST, FINGERS, strict=True)]


def _forearm(rng: np.random.Generator, points: Points) -> Distance:
    """From the wrist out of the picture, a little bent and thicker further down."""
    sideways = math.tan(math.radians(rng.uniform(-15, 15)))
    return limb(points, (0.0, -0.02), (3 * sideways, 3.0), (0.118, 0.32))


def _fingers(rng: np.random.Generator, points: Points) -> list[Distance]:
    """Four fingers of three bones each, spread alike and each bent on its own; in some hands the last are folded."""
    spread, sway = rng.uniform(0.3, 1.6), rng.normal(0, 4)
    straight = int(rng.choice((4, 3, 2, 1), p=(0.7, 0.1, 0.1, 0.1)))
    parts: list[Distance] = []
    for index, finger in enumerate(FINGERS):
        shown = 1.0 if index < straight else 0.35
        lean, bend = finger.lean * spread + sway + rng.normal(0, 1.5), rng.normal(0, 4)
        bones = [finger.length * shown * share * rng.uniform(0.9, 1.04) for share in (0.46, 0.30, 0.24)]
        radii = [finger.radius * share for share in (1.0, 0.96, 0.9, 0.72)]
        parts += _chain(points, finger.knuckle, lean, bend, bones, radii)
    return parts


def _thumb(rng: np.random.Generator, points: Points) -> list[Distance]:
    """The ball of the thumb and two bones; the thumb bends back towards the fingers."""
    lean = -rng.uniform(25, 50)
    ball = (-0.215 - 0.02 * float(rng.random()), -0.27)
    parts = [limb(points, (-0.07, -0.09), ball, (0.10, 0.066))]
    return parts + _chain(points, ball, lean, rng.uniform(2, 16), [0.17, 0.135], [0.062, 0.052, 0.040])


def _chain(
    points: Points, start: Place, lean: float, bend: float, bones: list[float], radii: list[float]
) -> list[Distance]:
    """Bones one after the other, each turned by `bend` degrees against the one before; `radii` at all their ends."""
    parts = []
    for length, *radius in zip(bones, radii[:-1], radii[1:], strict=True):
        angle = math.radians(lean)
        end = (start[0] + length * math.sin(angle), start[1] - length * math.cos(angle))
        parts.append(limb(points, start, end, (radius[0], radius[1])))
        start, lean = end, lean + bend
    return parts
