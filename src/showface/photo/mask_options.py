"""What is to be filled in: a drawn mask, boxes, and parts of the face by name, united and grown.

A part of the face comes from the face parser. It sees an aligned crop of the face; what it finds there is brought back
to the picture, so that it is as sharp as the crop (256 cells over the face), and a little larger than the part itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Int64

from showface.errors import MaskError, SettingError, unknown
from showface.masks import extent, refuse_other_size, resize_nearest
from showface.semantics import REGIONS, region_categories

# in sides and areas of the aligned crop
REGION_MARGIN = 1 / 48  # how far a region is grown
WIDER_MARGINS = {"glasses": 1 / 24}  # for the frames, and the bridge between what the parser sees of two lenses
SMALLEST_PIECE = 1 / 2000  # what is smaller than this is a slip of the parser

Rectangle = tuple[int, int, int, int]  # x, y of the upper left corner, width, height; in pixels of the upright picture


@dataclass(frozen=True, kw_only=True)
class MaskOptions:
    """How a mask is read and what joins it; all lengths in pixels of the picture."""

    invert: bool = False  # the drawn mask is black where to fill in
    resize: bool = False  # a drawn mask of another size is brought to the picture's
    boxes: tuple[Rectangle, ...] = ()
    regions: tuple[str, ...] = ()  # names in `semantics.REGIONS`
    grow: int = 0  # how far everything together is grown

    def __post_init__(self) -> None:
        for region in self.regions:
            if region not in REGIONS:
                raise SettingError(unknown("region", region, REGIONS))
        for x, y, width, height in self.boxes:
            if width < 1 or height < 1:
                raise SettingError(f"box {x},{y},{width},{height}: expected a width and a height of at least 1")
        if self.grow < 0:
            raise SettingError(f"expected to grow the mask by 0 pixels or more, got {self.grow}")


class ParsedFace(NamedTuple):
    """A face of the picture as the parser sees it: the category of every cell of its aligned crop, and the way back."""

    semantic_map: Int64[np.ndarray, "side side"]
    to_picture: Callable[[Bool[np.ndarray, "side side"]], Bool[np.ndarray, "h w"]]


def hole_of(
    drawn: Bool[np.ndarray, "mask_h mask_w"] | None,
    size: tuple[int, int],
    options: MaskOptions,
    *,
    faces: Callable[[], Iterable[ParsedFace]] = tuple,
) -> Bool[np.ndarray, "h w"]:
    """Everything to be filled in of a picture of `size` (height, width); True = hole.

    `drawn` is the mask somebody drew. `faces` is only called if there are regions to be found.
    Raises `MaskError` for a mask of another size, a box beyond the picture and a region that no face has.
    """
    hole = np.zeros(size, dtype=bool) if drawn is None else _fitted(drawn, size, options)
    for box in options.boxes:
        _fill_box(hole, box)
    if options.regions:
        hole |= _regions(options.regions, list(faces()))
    return grown(hole, options.grow)


def grown(hole: Bool[np.ndarray, "h w"], distance: float | int) -> Bool[np.ndarray, "h w"]:
    """The hole and every pixel at most `distance` pixels from it, measured between centres."""
    if distance <= 0 or not hole.any() or hole.all():
        return hole
    rows, columns = extent(hole)
    reach = int(np.ceil(distance)) + 1  # beyond the hole's own rows and columns nothing can change
    part = tuple(slice(max(0, side.start - reach), side.stop + reach) for side in (rows, columns))
    away = cv2.distanceTransform((~hole[part]).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    result = hole.copy()
    result[part] = away <= distance + 1e-3
    return result


def _fitted(
    drawn: Bool[np.ndarray, "mask_h mask_w"], size: tuple[int, int], options: MaskOptions
) -> Bool[np.ndarray, "h w"]:
    """The drawn mask at the picture's size, and with hole and rest exchanged if asked for."""
    if options.resize:
        drawn = resize_nearest(drawn, size)
    refuse_other_size(drawn, size)
    return ~drawn if options.invert else drawn.copy()


def _fill_box(hole: Bool[np.ndarray, "h w"], box: Rectangle) -> None:
    x, y, width, height = box
    rows, columns = hole.shape
    if x < 0 or y < 0 or x + width > columns or y + height > rows:
        raise MaskError(
            f"box {x},{y},{width},{height} reaches beyond the picture of {columns} x {rows} pixels; "
            "expected x,y,width,height from its upper left corner"
        )
    hole[y : y + height, x : x + width] = True


def _regions(names: tuple[str, ...], faces: list[ParsedFace]) -> Bool[np.ndarray, "h w"]:
    """Every named part of every face, each a little larger than it is; refused if no face has one of them."""
    if not faces:
        raise MaskError(f"no face was found, so no {' or '.join(names)} either; draw a mask or name a face box")
    found = {name: [_part(face, name) for face in faces] for name in names}
    for name, parts in found.items():
        if not any(part.any() for part in parts):
            where = "the face" if len(faces) == 1 else f"any of the {len(faces)} faces"
            there = [other for other in REGIONS if any(_has(face, other) for face in faces)]
            raise MaskError(f"no {name} found in {where}; found: {', '.join(there) or 'nothing'}")
    wholes = [
        np.any([_with_margin(parts[number], name) for name, parts in found.items()], axis=0)
        for number in range(len(faces))
    ]
    back = [face.to_picture(whole) for face, whole in zip(faces, wholes, strict=True)]
    return np.asarray(np.any(back, axis=0))


def parts_of(face: ParsedFace) -> dict[str, Bool[np.ndarray, "side side"]]:
    """The cells of every region that a face has, by name, each a little larger than the part itself."""
    present = [name for name in REGIONS if _has(face, name)]
    return {name: _with_margin(_part(face, name), name) for name in present}


def _with_margin(cells: Bool[np.ndarray, "side side"], region: str) -> Bool[np.ndarray, "side side"]:
    return grown(cells, cells.shape[0] * WIDER_MARGINS.get(region, REGION_MARGIN))


def _part(face: ParsedFace, region: str) -> Bool[np.ndarray, "side side"]:
    """The cells of a region, without pieces too small to be one."""
    cells = np.isin(face.semantic_map, region_categories(region))
    _, labels, facts, _ = cv2.connectedComponentsWithStats(cells.astype(np.uint8), connectivity=8)
    large = facts[:, cv2.CC_STAT_AREA] >= SMALLEST_PIECE * cells.size
    large[0] = False  # the rest of the crop
    return np.asarray(large[labels])


def _has(face: ParsedFace, region: str) -> bool:
    return bool(_part(face, region).any())
