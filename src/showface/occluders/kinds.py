"""Whole parts of a face hidden, each by a hole of its own shape and place: what the table of occlusions is measured on.

Where the parts are comes from the face's map of categories, how the hole lies about them from chance, so that no
completion can count on a place. Lengths are those of a face of 256 px and grow with the picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Integer

from showface.errors import SettingError, unknown
from showface.occluders.components import below_nose, grown, resampled, seen_region
from showface.occluders.damage import box
from showface.occluders.hand import hand
from showface.occluders.parts import connected_parts
from showface.occluders.shapes import LEFT_EYE, MIDLINE, RIGHT_EYE, Place, grid
from showface.occluders.worn import glasses
from showface.semantics import region_categories

UNIT = 1 / 256  # all lengths below are pixels of a face of 256
Mask = Bool[np.ndarray, "size size"]
Labels = Integer[np.ndarray, "size size"]

EYE_AXES = ((17.0, 27.0), (14.0, 22.0))  # half axes of the ellipse round an eye: across, down
EYE_JITTER, LASHES = 3.0, 4.0  # how far its centre moves in each direction; how far lashes reach out of the eye
EYE_AREA = 6.0  # square pixels below which a part called eye is none
MOUTH_AXES = ((24.0, 46.0), (14.0, 30.0))
MOUTH_GROWTH, MOUTH_JITTER, LIPS = (3.0, 10.0), 3.0, 2.0
CUT_JITTER, CUT_GROWTH = 6.0, (5.0, 11.0)  # of the lower face: where it begins, and how far it reaches beyond the face
LINE_JITTER, LINE_TILT, LINE_TOP = 8.0, 4.0, 0.3  # of half a face: pixels, degrees, share of the height
EYES = (LEFT_EYE, RIGHT_EYE)  # left and right in the picture


def hide(
    kind: str, categories: Integer[np.ndarray, "height width"], size: int, rng: np.random.Generator
) -> Bool[np.ndarray, "{size} {size}"]:
    """The hole of one of `KINDS` in a square face at `size`, True = hole; empty where the face does not show the part.

    `categories` are those, of the true face, at any size. Left and right are the picture's.

    * `one_eye`, `both_eyes`: an ellipse round one eye (by chance) or round each, lashes and all. Where the map shows
      no eye, behind glasses or lids, it lies where the alignment puts the eye, so these two are never empty.
    * `glasses`: drawn glasses before the eyes.
    * `mouth`: an ellipse round the mouth.
    * `lower_face`: the face below the middle of its nose, grown.
    * `half_face`: the picture to one side (by chance) of a line down the middle of the face, from some height on.
    * `hand`, `box`: drawn without a look at the face.
    """
    if kind not in _HOLES:
        raise SettingError(unknown("kind of occlusion", kind, KINDS))
    return np.asarray(_HOLES[kind](resampled(categories, size), rng))


def eye_parts(labels: Labels) -> tuple[Mask, Mask]:
    """The pixels of the left and of the right eye in the picture; a mask is empty where the map shows none.

    Connected parts of the category belong to the side of the face's middle on which their own middle lies. The
    alignment is by the eyes, so that middle is `MIDLINE`, however the head is turned.
    """
    side = len(labels)
    seen = np.isin(labels, region_categories("eyes"))
    sides = np.zeros((2, side, side), dtype=bool)
    for part in connected_parts(seen):
        if part.sum() >= EYE_AREA * (side * UNIT) ** 2:
            sides[int(_middle(part)[0] > MIDLINE)] |= part
    return sides[0], sides[1]


def eye_places(labels: Labels) -> tuple[Place, Place]:
    """The middles of both eyes, (x, y) in sides of the picture: as the map shows them, else as the alignment does."""
    left, right = (_middle(part) if part.any() else place for part, place in zip(eye_parts(labels), EYES, strict=True))
    return left, right


def face_middle(labels: Labels) -> float:
    """The x of the middle of the face, in sides: that of its nose, without one that of the alignment."""
    nose = seen_region(labels, "nose")
    return _middle(nose)[0] if nose.any() else MIDLINE


# ---------------------------------------------------------------------------------------------- the kinds


def _one_eye(labels: Labels, rng: np.random.Generator) -> Mask:
    return _eye(labels, int(rng.integers(2)), rng)


def _both_eyes(labels: Labels, rng: np.random.Generator) -> Mask:
    return np.asarray(_eye(labels, 0, rng) | _eye(labels, 1, rng))


def _eye(labels: Labels, side: int, rng: np.random.Generator) -> Mask:
    """An ellipse about the left (0) or the right eye, as large as chance says and the eye needs."""
    axes = [float(rng.uniform(*reach)) for reach in EYE_AXES]
    centre = _moved(eye_places(labels)[side], EYE_JITTER, rng)
    return _ellipse(centre, axes, grown(eye_parts(labels)[side], LASHES * UNIT * len(labels)))


def _glasses(labels: Labels, rng: np.random.Generator) -> Mask:
    left, right = eye_parts(labels)
    drawn = glasses(rng, len(labels), eyes=eye_places(labels))
    return np.asarray(drawn | grown(left | right, LIPS * UNIT * len(labels)))


def _mouth(labels: Labels, rng: np.random.Generator) -> Mask:
    seen = seen_region(labels, "mouth")
    if not seen.any():
        return seen
    shown = max(connected_parts(seen), key=np.sum)  # a speck elsewhere is none
    lengths = [float(np.ptp(places) + 1) / 2 / (len(labels) * UNIT) for places in np.nonzero(shown)[::-1]]
    axes = [
        min(max(length + float(rng.uniform(*MOUTH_GROWTH)), low), high)
        for length, (low, high) in zip(lengths, MOUTH_AXES, strict=True)
    ]
    return _ellipse(_moved(_middle(shown), MOUTH_JITTER, rng), axes, grown(shown, LIPS * UNIT * len(labels)))


def _lower_face(labels: Labels, rng: np.random.Generator) -> Mask:
    scale = UNIT * len(labels)
    return below_nose(labels, float(rng.uniform(*CUT_GROWTH)) * scale, _either(rng, CUT_JITTER) * scale)


def _half_face(labels: Labels, rng: np.random.Generator) -> Mask:
    """Beyond a line that passes the face's middle at the height of its eyes' and nose's."""
    right, tilt = bool(rng.integers(2)), math.radians(_either(rng, LINE_TILT))
    eyes = sum(place[0] for place in eye_places(labels)) / 2
    middle = (face_middle(labels) + eyes) / 2 + _either(rng, LINE_JITTER) * UNIT
    x, y = grid(len(labels))
    beyond = (x - middle) - math.tan(tilt) * (y - 0.5)
    return np.asarray(((beyond >= 0) if right else (beyond < 0)) & (y >= float(rng.uniform(0, LINE_TOP))))


def _hand(labels: Labels, rng: np.random.Generator) -> Mask:
    return hand(rng, len(labels))


def _box(labels: Labels, rng: np.random.Generator) -> Mask:
    return box(rng, len(labels))


_HOLES: dict[str, Callable[[Labels, np.random.Generator], Mask]] = {
    "one_eye": _one_eye, "both_eyes": _both_eyes, "glasses": _glasses, "mouth": _mouth, "lower_face": _lower_face,
    "half_face": _half_face, "hand": _hand, "box": _box,
}  # fmt: skip
KINDS = tuple(_HOLES)
DRAWN_KINDS = ("hand", "box")  # look at no face


# ---------------------------------------------------------------------------------------------- shapes


def _ellipse(centre: Place, axes: Sequence[float], covered: Mask) -> Mask:
    """An upright ellipse with `axes` in pixels of 256, grown in proportion until it holds all of `covered`."""
    points = grid(len(covered))
    across, down = ((points[i] - centre[i]) / (axes[i] * UNIT) for i in (0, 1))
    reach = np.hypot(across, down)
    return np.asarray(reach <= max(1.0, float(reach[covered].max(initial=0))))


def _middle(part: Mask) -> Place:
    ys, xs = np.nonzero(part)
    return float(xs.mean() + 0.5) / part.shape[1], float(ys.mean() + 0.5) / part.shape[0]


def _moved(place: Place, reach: float, rng: np.random.Generator) -> Place:
    return place[0] + _either(rng, reach) * UNIT, place[1] + _either(rng, reach) * UNIT


def _either(rng: np.random.Generator, reach: float) -> float:
    """Anything from -reach to reach."""
    return float(rng.uniform(-reach, reach))
