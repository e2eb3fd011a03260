"""Plain shapes in the frame of a face, all by their inside: no canvas, so any size of picture gives the same shape.

A point's coordinates are (x, y), x to the right and y downwards, in sides of the picture's largest centred square: the
square is [0, 1] x [0, 1]. In an aligned face the eyes lie at `LEFT_EYE` and `RIGHT_EYE` (left = left in the picture).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

Points = Float[np.ndarray, "2 h w"]
Distance = Float[np.ndarray, "h w"]
Place = tuple[float, float]

LEFT_EYE, RIGHT_EYE = (0.377, 0.475), (0.619, 0.475)  # CelebA-HQ's alignment; FFHQ's differs by less than 0.01
MIDLINE = (LEFT_EYE[0] + RIGHT_EYE[0]) / 2


def grid(size: int | tuple[int, int]) -> Points:
    """The centres of all pixels of a picture of `size`, the side of a square or (height, width)."""
    height, width = (size, size) if isinstance(size, int) else size
    side = min(height, width)
    ys = (np.arange(height) + 0.5 - (height - side) / 2) / side
    xs = (np.arange(width) + 0.5 - (width - side) / 2) / side
    return np.stack(np.broadcast_arrays(xs[None], ys[:, None]))


def seen_from(points: Points, origin: Place, turn: float, unit: float = 1.0, *, mirrored: bool = False) -> Points:
    """`points` in a frame with its zero at `origin`, turned clockwise by `turn` (radians), that measures in `unit`.

    `mirrored` swaps left and right within the new frame.
    """
    x, y = points[0] - origin[0], points[1] - origin[1]
    cosine, sine = math.cos(turn) / unit, math.sin(turn) / unit
    across = cosine * x + sine * y
    return np.stack([-across if mirrored else across, cosine * y - sine * x])


def limb(points: Points, start: Place, end: Place, radius: tuple[float, float]) -> Distance:
    """How far points are from a line that is as thick as two circles at its ends; below 0 inside. Radii: start, end."""
    x, y = points[0] - start[0], points[1] - start[1]
    along, down = end[0] - start[0], end[1] - start[1]
    share = along * x
    share += down * y  # in place from here on: a hand has twenty limbs
    share /= max(along * along + down * down, 1e-12)
    np.minimum(np.maximum(share, 0, out=share), 1, out=share)
    x -= share * along
    y -= share * down
    x *= x
    y *= y
    x += y
    share *= radius[1] - radius[0]
    share += radius[0]
    return np.asarray(np.subtract(np.sqrt(x, out=x), share, out=x))


def inside_melted(parts: Sequence[Distance], width: float) -> Bool[np.ndarray, "h w"]:
    """Inside the union of shapes given by distances, the angles between them filled about `width` far, as skin does.

    Where a sum of exponentials over all shapes, sum(exp(-d / w)), passes 1: their order does not matter.
    """
    nearest = parts[0].copy()
    for part in parts[1:]:
        np.minimum(nearest, part, out=nearest)
    union = np.asarray(nearest < 0)
    close = ~union & (nearest < width * math.log(len(parts)))  # no other point can be inside
    union[close] = np.exp(-np.stack([part[close] for part in parts]) / width).sum(axis=0) > 1
    return union


def oval(points: Points, centre: Place, reach: tuple[float, float, float], power: float) -> Bool[np.ndarray, "h w"]:
    """Inside |x / a|^p + |y / b|^p = 1, an ellipse for p = 2, nearly a box for 6; `reach` is a, b above, b below."""
    x, y = points[0] - centre[0], points[1] - centre[1]
    heights = np.where(y < 0, reach[1], reach[2])
    return np.asarray(np.abs(x / reach[0]) ** power + np.abs(y / heights) ** power < 1)


def inside(points: Points, corners: Sequence[Place]) -> Bool[np.ndarray, "h w"]:
    """Inside a polygon: a ray to the right crosses its rim an odd number of times."""
    x, y = points
    odd = np.zeros(x.shape, dtype=bool)
    for (x1, y1), (x2, y2) in zip(corners, [*corners[1:], corners[0]], strict=True):
        before = ((x - x1) * (y2 - y1) < (y - y1) * (x2 - x1)) == (y2 > y1)  # of the edge, seen along the ray
        odd ^= ((y1 > y) != (y2 > y)) & before
    return odd


def rounded(corners: Sequence[Place], steps: int = 6) -> list[Place]:
    """A closed curve through `corners` (Catmull and Rom's), as a polygon with `steps` sides from corner to corner."""
    knots = np.array(corners)
    before, after, beyond = (np.roll(knots, shift, axis=0) for shift in (1, -1, -2))
    curve = []
    for t in np.arange(steps) / steps:
        bend = 2 * before - 5 * knots + 4 * after - beyond
        twist = 3 * knots - before - 3 * after + beyond
        curve.append(knots + 0.5 * t * (after - before + t * (bend + t * twist)))
    return [(float(x), float(y)) for x, y in np.stack(curve, axis=1).reshape(-1, 2)]
