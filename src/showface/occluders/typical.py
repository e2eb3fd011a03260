"""A typical face where nobody has labelled the true one: its parts where the alignment of CelebA-HQ puts them.

Drawn from plain shapes. Their places and sizes are those of the mean CelebA-HQ face; FFHQ's eyes differ by 2 px of 256.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import UInt8

from showface.occluders.shapes import Points, grid, inside, limb, oval, rounded
from showface.semantics import CATEGORIES

SIDE = 256  # all lengths below are pixels of a face of this side
MIDDLE = 127.5
NOSE = (
    (122.0, 120.0), (133.0, 120.0), (138.0, 146.0), (148.0, 160.0), (141.0, 170.0), (127.5, 173.0), (114.0, 170.0),
    (107.0, 160.0), (117.0, 146.0),
)  # fmt: skip


@cache
def typical_face(size: int = SIDE) -> UInt8[np.ndarray, "{size} {size}"]:
    """Its categories, not to be written to: hair, neck and clothes, ears and all that is in the face."""
    points = grid(size) * SIDE
    labels = np.zeros((size, size), dtype=np.uint8)
    for name, shown in (*_around(points), *_within(points)):  # what comes later lies in front
        labels[shown] = CATEGORIES.index(name)
    labels.flags.writeable = False
    return labels


def _around(points: Points) -> list[tuple[str, np.ndarray]]:
    return [
        ("hair", oval(points, (MIDDLE, 105.0), (95.0, 106.0, 130.0), 2.4)),
        ("cloth", oval(points, (MIDDLE, 285.0), (112.0, 52.0, 52.0), 2.0)),
        ("neck", limb(points, (MIDDLE, 205.0), (MIDDLE, 240.0), (46.0, 52.0)) < 0),
        *(("ear", oval(points, (MIDDLE + side * 66, 143.0), (7.0, 20.0, 20.0), 2.0)) for side in (-1, 1)),
    ]


def _within(points: Points) -> list[tuple[str, np.ndarray]]:
    sides = [(side, MIDDLE + side * 31) for side in (-1, 1)]  # and where the middle of the eye is
    return [
        ("skin", oval(points, (MIDDLE, 140.0), (67.0, 90.0, 97.0), 2.5)),  # a jaw as broad as most
        *(("brow", limb(points, (x - side * 15, 107.0), (x, 104.0), (3.5, 4.0)) < 0) for side, x in sides),
        *(("brow", limb(points, (x, 104.0), (x + side * 18, 106.0), (4.0, 2.0)) < 0) for side, x in sides),
        *(("eye", oval(points, (x, 121.7), (11.5, 4.5, 4.0), 2.0)) for _, x in sides),
        ("nose", inside(points, rounded(NOSE))),
        ("mouth", oval(points, (MIDDLE, 191.0), (26.0, 11.0, 12.0), 2.0)),
    ]
