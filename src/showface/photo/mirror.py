"""What one side of a face shows, taken for what is hidden of the other.

A network that never saw the hidden eye can only paint a mean of eyes. But the other eye is in full view, and a face is
nearly symmetric. So hidden pixels whose mirror image is visible are taken from there: sharp, of the right colour, with
lashes; in the light of their own side, which the surroundings tell. Where the two sides do not agree, because the head
is turned, hair falls over one side or there is no face, the completion stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Bool, Float, Integer

from showface.photo.gaze import looking_the_same_way
from showface.photo.symmetry import Places, Symmetry, Window, smooth
from showface.semantics import CATEGORY_COUNT, OFFICIAL_ORDER, REGIONS, merged, region_categories

AXIS = 126.9  # pixel index; where the alignment of CelebA-HQ puts the axis of a face
LEAST_EYE = 60  # pixels of an eye, below which it does not tell where the axis is
FURTHEST = 16.0  # pixels from `AXIS` to where an axis is believed to be
EYE_SPACING = 31.0  # pixels from the axis to an eye
THICKEST_STROKE = 9.0  # pixels; a hole no deeper is a stroke, whose sides tell enough
COMPACT = 0.25  # of a hole's area that its largest disc fills: ellipses 0.55 and more, bars of one to three 0.26
SOLID = 0.9  # of its convex hull that a hole fills: hands 0.7, webs of strokes 0.3 to 0.8
LEAST_SHARE = 0.05  # of a mirrored pixel that can be seen
LEAST = 60  # pixels of a hole that are worth it
SPREAD = (25.0, 45.0)  # pixels; of the window in which both sides are compared, for small and large holes
AGREES = (0.27, 0.33)  # of the correlation of both sides: below the first nothing is taken, above the second all
# Of the nose's way off the axis, in `EYE_SPACING`: up to the first a head counts as facing, from the second as turned.
TURNED_FOR_SMALL, TURNED_FOR_LARGE = (0.24, 0.32), (0.15, 0.2)  # an eye still fits where half a face does not
SOFT = 2.0  # pixels over which mirrored pixels set in at the hole's border
LIGHT = (10.0, 40.0)  # pixels over which light is compared: near what is known, and further away
TRUST, REACH = 0.5, 8.0  # of the completion as a witness of the light, at the hole's border, and how far it reaches in
COARSE = 4  # pixels along a cell in which light is compared
DARK = 30.0  # levels added before light is compared: in shadows little is told by ratios
STRONGEST, ELSEWHERE = 2.5, 1.3  # ratio of light between both sides that is made up for: in the face, outside of it
FACE = 1  # the number of the first of `MATERIALS`
MATERIALS = (("face",), ("ears", "earrings"), ("hair", "hat"))  # regions; all else is one more
OTHER_MATERIAL = (40.0, 3.0)  # pixels: how far into a hole the parser is believed, over which it is averaged
OTHER_COLOUR = (30.0, 8.0)  # the same of the completion's colours
UNLIKE = 24.0  # levels by which the mirror image may differ from the completion, both blurred
DOUBT = (0.4, 0.9)  # of such agreement: below the first nothing is taken, above the second all

MIRROR_VERSION = 1  # of what is taken and how; stands in reports
MirrorUse = Literal["auto", "off"]
WhyNot = Literal["off", "no face", "nothing whole", "hidden on both sides", "turned head", "sides differ"]
"""Why a hole was left to the networks: not wanted, no face to speak of, strokes only, and so on."""


@dataclass(frozen=True, eq=False)
class Mirror:
    """The other side of a face, for a frame of 256 x 256: where from, in which light, how much of it."""

    places: Places
    light: Float[np.ndarray, "256 256 3"]  # the ratio of (levels + `DARK`) here to those at the mirrored place
    share: Float[np.ndarray, "256 256"]  # of the mirrored pixel, in [0, 1]; 0 outside the hole

    def laid_over(self, completed: Float[np.ndarray, "256 256 3"]) -> Float[np.ndarray, "256 256 3"]:
        """`completed` (0..255) with mirrored pixels in place of invented ones."""
        rows, columns = (
            slice(ends[0], ends[-1] + 1) for ends in (np.flatnonzero(self.share.any(axis)) for axis in (1, 0))
        )
        window = (rows, columns)
        there = Places(self.places.x[window], self.places.y[window])
        mirrored = relit(there.of(completed, sharp=True), self.light[window])
        share = self.share[window][..., None]
        result = completed.copy()
        result[window] = (completed[window] * (1 - share) + mirrored * share).clip(0, 255)
        return np.asarray(result)


def relit(values: Float[np.ndarray, "h w 3"], light: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w 3"]:
    """Levels in another light: `light` is the ratio of (levels + `DARK`)."""
    return np.asarray((values + np.float32(DARK)) * light - np.float32(DARK))


def mirror_of(
    completed: Float[np.ndarray, "256 256 3"],
    hidden: Bool[np.ndarray, "256 256"],
    categories: Integer[np.ndarray, "h w"],
) -> Mirror | WhyNot:
    """What can be taken from the other side of a completed face, or why nothing can.

    `completed` is RGB in 0..255, completed where `hidden`; `categories` are what its parser sees, at any size.
    """
    eyes, nose = (np.isin(categories, region_categories(name)) for name in ("eyes", "nose"))
    axis = axis_of(eyes, nose)
    depth = cv2.distanceTransform(hidden.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    whole = compact(hidden, depth)
    if not whole.any():
        return "nothing whole"
    wanted = whole & ~hidden[:, _reflected_columns(hidden.shape[1], axis)]
    if wanted.sum() < LEAST:
        return "hidden on both sides"
    window = _window(wanted)
    facing = _facing(turn(nose, axis), window)
    if not facing:
        return "turned head"
    symmetry = Symmetry(completed, hidden, axis=axis)
    places = symmetry.places(window)
    shown = cv2.erode(places.shows(~hidden), np.ones((5, 5), np.uint8)) > 0.98
    weights = window.weights(symmetry.xs, symmetry.ys) * shown
    agreement = rising(symmetry.agreement(places, weights), *AGREES)
    if not agreement:
        return "sides differ"
    mirrored = places.of(completed)
    material = _enlarged(materials(categories), hidden.shape)
    same = _same_material(material, places)
    light = _light(completed, mirrored, depth, shown * same, material == FACE)
    likely = _likely(completed, relit(mirrored, light), same, depth)
    share = _share(whole, shown) * likely * np.float32(agreement * facing)
    if share.max() < LEAST_SHARE:
        return "sides differ"
    both = _enlarged(eyes, hidden.shape) > 0
    return Mirror(looking_the_same_way(places, symmetry.luminance, both, share > 0.5, axis), light, share)


def materials(categories: Integer[np.ndarray, "h w"]) -> Integer[np.ndarray, "h w"]:
    """Which of `MATERIALS` each place shows, from 1; 0 = none of them."""
    table, found = np.zeros(CATEGORY_COUNT, np.uint8), merged(OFFICIAL_ORDER)
    for number, regions in enumerate(MATERIALS, start=1):
        for name in (name for region in regions for name in REGIONS[region]):
            table[found[OFFICIAL_ORDER.index(name)]] = number
    return np.asarray(table[categories])


def axis_of(eyes: Bool[np.ndarray, "h w"], nose: Bool[np.ndarray, "h w"]) -> float:
    """The x of the axis of a face, in pixel indices of 256: midway between its eyes, or where the alignment has it.

    A face whose eye is hidden is not aligned exactly, as nobody knows where that eye is.
    """
    step = 256 / eyes.shape[1]
    columns = (np.nonzero(eyes)[1] + 0.5) * step - 0.5
    parted = AXIS if not nose.any() else float((np.nonzero(nose)[1].mean() + 0.5) * step - 0.5)
    left, right = columns[columns < parted], columns[columns >= parted]
    if min(len(left), len(right)) * step * step < LEAST_EYE:
        return AXIS
    return AXIS + float(np.clip((left.mean() + right.mean()) / 2 - AXIS, -FURTHEST, FURTHEST))


def turn(nose: Bool[np.ndarray, "h w"], axis: float = AXIS) -> float:
    """How far the middle of the nose lies from the face's axis, in distances of an eye from it; infinite without."""
    columns = np.nonzero(nose)[1]
    if not len(columns):
        return float("inf")
    middle = float(columns.mean() + 0.5) * 256 / nose.shape[1] - 0.5
    return float(abs(middle - axis) / EYE_SPACING)


def _facing(turned: float, window: Window) -> float:
    """1 for a head that faces the camera well enough for what is hidden, 0 for one that does not."""
    large = (window.spread - SPREAD[0]) / (SPREAD[1] - SPREAD[0])
    limits = [small + large * (end - small) for small, end in zip(TURNED_FOR_SMALL, TURNED_FOR_LARGE, strict=True)]
    return 1 - rising(turned, *limits)


def compact(hidden: Bool[np.ndarray, "h w"], depth: Float[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """The parts of a hole that hide something whole, as a patch, a bar or half a picture do and webs of strokes do not.

    A connected part counts if it is thicker than a stroke, fills `SOLID` of its convex hull, and the largest disc in it
    fills `COMPACT` of it (the picture's border does not bound the disc). `depth` is how far each pixel lies inside the
    hole; 0 outside.
    """
    count, parts, facts, _ = cv2.connectedComponentsWithStats(hidden.astype(np.uint8), connectivity=4)
    deepest = np.zeros(count, np.float32)
    np.maximum.at(deepest, parts[hidden], depth[hidden])
    whole = (deepest > THICKEST_STROKE) & (np.pi * deepest**2 > COMPACT * facts[:, cv2.CC_STAT_AREA])
    whole[0] = False
    for number in np.flatnonzero(whole):
        left, top, wide, high = facts[number, :4]
        part = (parts[top : top + high, left : left + wide] == number).astype(np.uint8)
        outlines, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        hull = cv2.fillConvexPoly(np.zeros_like(part), cv2.convexHull(np.concatenate(outlines)), 1)
        whole[number] = part.sum() >= SOLID * hull.sum()
    return np.asarray(whole[parts])


def rising(value: float, low: float, high: float) -> float:
    """0 up to `low`, 1 from `high` on, smooth in between."""
    share = min(max((value - low) / (high - low), 0.0), 1.0)
    return share * share * (3 - 2 * share)


def _reflected_columns(width: int, axis: float) -> Integer[np.ndarray, " w"]:
    return np.clip(np.round(2 * axis - np.arange(width)), 0, width - 1).astype(int)


def _window(wanted: Bool[np.ndarray, "h w"]) -> Window:
    """Round what is wanted; of a hole as large as a half, round the middle of the face."""
    ys, xs = np.nonzero(wanted)
    spread = float(np.clip(0.9 * np.sqrt(len(ys)), *SPREAD))
    if spread > 40:
        return Window(127.0, float(np.clip(ys.mean(), 130, 160)), spread)
    return Window(float(xs.mean()), float(ys.mean()), spread)


def _share(whole: Bool[np.ndarray, "h w"], shown: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """1 where the mirror image of a wholly hidden pixel is visible, falling to 0 at the border of either."""
    wanted = whole.astype(np.uint8)
    inner = cv2.erode(wanted, np.ones((5, 5), np.uint8)).astype(np.float32)
    seen = shown.astype(np.float32)
    return np.asarray(cv2.GaussianBlur(inner, (0, 0), SOFT) * wanted * cv2.GaussianBlur(seen, (0, 0), SOFT) * seen)


def _light(
    completed: Float[np.ndarray, "h w 3"],
    mirrored: Float[np.ndarray, "h w 3"],
    depth: Float[np.ndarray, "h w"],
    alike: Float[np.ndarray, "h w"],
    face: Bool[np.ndarray, "h w"],
) -> Float[np.ndarray, "h w 3"]:
    """How much brighter each place is than its mirror image, in each colour, by what is known near it.

    `alike` is 0 where two places cannot be compared; hair that is darker on one side says nothing about the `face`.
    Further inside a hole the completion is fog of the wrong colour, so there what is known further away decides.
    """
    height, width = depth.shape
    trust = np.where(depth > 0, TRUST * np.exp(-depth / REACH), 1).astype(np.float32) * alike
    inside = face.astype(np.float32)
    layers = np.dstack([completed, mirrored, np.ones_like(trust)])[::2, ::2] * trust[::2, ::2, None]
    size = (width // COARSE, height // COARSE)
    of_face = cv2.resize(layers * inside[::2, ::2, None], size, interpolation=cv2.INTER_AREA)
    of_rest = cv2.resize(layers, size, interpolation=cv2.INTER_AREA) - of_face
    share = cv2.resize(inside, size, interpolation=cv2.INTER_AREA)[..., None]
    both = share * _ratio(of_face, STRONGEST) + (1 - share) * _ratio(of_rest, ELSEWHERE)
    return np.asarray(cv2.resize(both.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR))


def _ratio(layers: Float[np.ndarray, "h w 7"], strongest: float) -> Float[np.ndarray, "h w 3"]:
    """The ratio of two colours near each cell, at most `strongest`; `layers` are weighted colours, and weights."""
    near, far = (smooth(layers, spread / COARSE) for spread in LIGHT)
    sums = near + np.float32(0.01) * far + np.float32(1e-7)
    means = sums[..., :6] / sums[..., 6:]
    return np.asarray(((means[..., :3] + DARK) / (means[..., 3:] + DARK)).clip(1 / strongest, strongest))


def _same_material(shown: Integer[np.ndarray, "h w"], places: Places) -> Float[np.ndarray, "h w"]:
    """1 where a place and its mirror image show the same material, else 0."""
    mirrored = cv2.remap(shown, places.x, places.y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray((shown == mirrored).astype(np.float32))


def _likely(
    completed: Float[np.ndarray, "h w 3"],
    mirrored: Float[np.ndarray, "h w 3"],
    same: Float[np.ndarray, "h w"],
    depth: Float[np.ndarray, "h w"],
) -> Float[np.ndarray, "h w"]:
    """How far the completion, which near the hole's border knows what goes on, bears the mirror image out."""
    (far, wide), (reach, broad) = OTHER_MATERIAL, OTHER_COLOUR
    material = np.exp(-((depth / far) ** 2)) * smooth(1 - same, wide)
    away = np.abs(smooth((mirrored - completed)[::2, ::2], broad / 2)).mean(-1)
    away = cv2.resize(away, depth.shape[::-1], interpolation=cv2.INTER_LINEAR)
    colour = np.exp(-((depth / reach) ** 2)) * (1 - np.exp(-((away / UNLIKE) ** 2)))
    agreement = 1 - smooth(np.maximum(material, colour).astype(np.float32), SOFT)
    share = ((agreement - DOUBT[0]) / (DOUBT[1] - DOUBT[0])).clip(0, 1)
    return np.asarray(share * share * (3 - 2 * share), dtype=np.float32)


def _enlarged(cells: Bool[np.ndarray, "h w"] | Integer[np.ndarray, "h w"], size: tuple[int, ...]) -> np.ndarray:
    """A map at the size of the frame, uint8."""
    return np.asarray(cv2.resize(cells.astype(np.uint8), (size[1], size[0]), interpolation=cv2.INTER_NEAREST))
