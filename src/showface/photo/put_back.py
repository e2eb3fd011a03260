"""Put a completion back into its photograph without a seam.

Twice the completion is made to meet what is known at the hole's border, by a membrane that spreads the mismatch across
the hole (Perez et al. 2003; Farbman et al. 2009): in its frame, where colour and shade shall go on over the border, and
in the photograph, where every line and grain shall. In between it gets the fine texture of its surroundings. Only
pixels of the hole change.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float

from showface.photo.align import Frame, bring_back
from showface.photo.membrane import continued, faded, membrane
from showface.photo.photograph import Photo, PixelBox
from showface.photo.texture import Texture, texture_of

TILE = 1024  # pixels; what is put back at once, so that memory does not grow with the hole
MARGIN = 64  # pixels round a tile from which its membrane is spanned


def put_back(
    photo: Photo,
    hole: Bool[np.ndarray, "h w"],
    frame: Frame,
    completed: Float[np.ndarray, "256 256 3"],
    hidden: Bool[np.ndarray, "256 256"],
    *,
    part: Bool[np.ndarray, "h w"] | None = None,
    feather: float | int | None = None,
    grain: bool = True,
) -> Photo:
    """`photo` with `part` of its `hole` (default: all of it) taken from `completed`, RGB in 0..255. The rest stays.

    `completed` is what `frame` shows, completed where `hidden`. `feather`: over how many pixels of the photograph,
    counted from the border inwards, the completion is bent to meet what is known; None = as far as the hole reaches,
    0 = not at all. `grain` adds the fine texture that a frame cannot hold. `hole` and `part` have its size.
    """
    part = hole if part is None else part & hole
    if feather != 0:
        reach = None if feather is None else feather / frame.scale
        completed = continued(completed, hidden, reach=reach)
    window = bounds(part)
    if window is None:
        return photo
    left, top, right, bottom = window
    texture = texture_of(photo, hole, frame, completed, hidden) if grain else None
    deep = photo.pixels.dtype != np.uint8
    filled = np.zeros((bottom - top, right - left, 3), np.float32 if deep else np.uint8)
    for tile in tiles(window):
        inside = part[tile[1] : tile[3], tile[0] : tile[2]]
        if inside.any():
            values = _blended(photo, hole, frame, completed, texture, tile, feather)
            values = values / np.float32(255) if deep else values.round()
            filled[tile[1] - top : tile[3] - top, tile[0] - left : tile[2] - left] = values
    return photo.filled(filled, part[top:bottom, left:right], corner=(top, left))


def bounds(mask: Bool[np.ndarray, "h w"]) -> PixelBox | None:
    """The smallest box (left, top, right, bottom) that holds all of `mask`; None if it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def tiles(window: PixelBox) -> Iterator[PixelBox]:
    """`window` in pieces of at most `TILE` x `TILE` pixels."""
    left, top, right, bottom = window
    for y in range(top, bottom, TILE):
        for x in range(left, right, TILE):
            yield x, y, min(x + TILE, right), min(y + TILE, bottom)


def _blended(
    photo: Photo,
    hole: Bool[np.ndarray, "h w"],
    frame: Frame,
    completed: Float[np.ndarray, "256 256 3"],
    texture: Texture | None,
    tile: PixelBox,
    feather: float | int | None,
) -> Float[np.ndarray, "rows columns 3"]:
    """The completion for a tile, bent to meet what is known; 0..255."""
    box = (
        max(0, tile[0] - MARGIN), max(0, tile[1] - MARGIN),
        min(photo.width, tile[2] + MARGIN), min(photo.height, tile[3] + MARGIN),
    )  # fmt: skip
    unknown = hole[box[1] : box[3], box[0] : box[2]]
    base = bring_back(completed, frame, box)
    if texture is not None:
        base += texture.of(box)
    if feather != 0:
        base += faded(membrane(photo.rgb(box) - base, unknown), unknown, feather)
    inner = base[tile[1] - box[1] : tile[3] - box[1], tile[0] - box[0] : tile[2] - box[0]]
    return np.asarray(inner.clip(0, 255))
