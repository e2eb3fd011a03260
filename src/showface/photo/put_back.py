"""Put a completion back into its photograph without a seam.

Twice the completion is made to meet what is known at the hole's border, by a membrane that spreads the mismatch across
the hole (Perez et al. 2003; Farbman et al. 2009): in its frame, where colour and shade shall go on over the border, and
in the photograph, where every line and grain shall. In between it gets the fine texture of its surroundings. Only
pixels of the hole change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Bool, Float

from showface.masks import extent
from showface.photo.align import Frame, bring_back
from showface.photo.membrane import continued, faded, membrane
from showface.photo.mirror import Mirror, relit
from showface.photo.mixing import Change
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
    mirror: Mirror | None = None,
    change: Change | None = None,
) -> Photo:
    """`photo` with `part` of its `hole` (default: all of it) taken from `completed`, RGB in 0..255. The rest stays.

    `completed` is what `frame` shows, completed where `hidden`. `feather`: over how many pixels of the photograph,
    counted from the border inwards, the completion is bent to meet what is known; None = as far as the hole reaches,
    0 = not at all. `grain` adds the fine texture that a frame cannot hold. `mirror` says which pixels are taken from
    the other side of the face instead: the photograph's own, as sharp as they are; `change` is added to both. `hole`
    and `part` have the photograph's size.
    """
    part = hole if part is None else part & hole
    changed = completed if change is None else completed + change.levels
    if feather != 0:
        reach = None if feather is None else feather / frame.scale
        completed = continued(completed, hidden, reach=reach)
        changed = completed if change is None else continued(changed, hidden, reach=reach)
    rows, columns = extent(part)
    if not rows.stop:
        return photo
    left, top, right, bottom = window = columns.start, rows.start, columns.stop, rows.stop
    texture = texture_of(photo, hole, frame, changed, hidden) if grain else None
    change = None if change is None else replace(change, levels=changed - completed)
    deep = photo.pixels.dtype != np.uint8
    filled = np.zeros((bottom - top, right - left, 3), np.float32 if deep else np.uint8)
    for tile in tiles(window):
        inside = part[tile[1] : tile[3], tile[0] : tile[2]]
        if inside.any():
            values = _blended(photo, hole, frame, completed, texture, mirror, change, tile, feather)
            values = values / np.float32(255) if deep else values.round()
            filled[tile[1] - top : tile[3] - top, tile[0] - left : tile[2] - left] = values
    return photo.filled(filled, part[rows, columns], corner=(top, left))


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
    mirror: Mirror | None,
    change: Change | None,
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
    grain = np.float32(0) if texture is None else texture.of(box)
    base += grain
    if mirror is not None:
        base = mirrored_over(base, photo, frame, mirror, box)
    if change is not None:
        base += bring_back(change.levels, frame, box)
        base += bring_back(change.texture[..., None], frame, box) * grain
    if feather != 0:
        base += faded(membrane(photo.rgb(box) - base, unknown), unknown, feather)
    inner = base[tile[1] - box[1] : tile[3] - box[1], tile[0] - box[0] : tile[2] - box[0]]
    return np.asarray(inner.clip(0, 255))


def mirrored_over(
    base: Float[np.ndarray, "h w 3"], photo: Photo, frame: Frame, mirror: Mirror, box: PixelBox
) -> Float[np.ndarray, "h w 3"]:
    """`base`, the completion for `box` of the photograph, with the photograph's own mirrored pixels over it; 0..255."""
    steered = bring_back(np.dstack([mirror.places.x, mirror.places.y, mirror.share]), frame, box)
    share = steered[..., 2].clip(0, 1)
    rows, columns = area = extent(share > 0.001)
    if not rows.stop:
        return base
    (xx, xy, shift_x), (yx, yy, shift_y) = np.linalg.inv(np.vstack([frame.matrix, (0, 0, 1)]))[:2].astype(np.float32)
    x, y = steered[area][..., 0] + np.float32(0.5), steered[area][..., 1] + np.float32(0.5)  # continuous, of the frame
    from_x, from_y = xx * x + xy * y + shift_x - np.float32(0.5), yx * x + yy * y + shift_y - np.float32(0.5)
    # a frame goes on beyond the photograph, mirrored at its border: nothing is taken from there
    share[area] *= (from_x > -0.5) & (from_x < photo.width - 0.5) & (from_y > -0.5) & (from_y < photo.height - 0.5)
    taken = share[area] > 0.001
    if not taken.any():
        return base
    left, top = (max(0, int(ends[taken].min()) - MARGIN) for ends in (from_x, from_y))
    right, bottom = (
        min(side, int(ends[taken].max()) + MARGIN) for ends, side in ((from_x, photo.width), (from_y, photo.height))
    )
    source = photo.rgb((left, top, right, bottom)).astype(np.float32)
    there = cv2.remap(
        source, from_x - np.float32(left), from_y - np.float32(top), cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT
    )
    window = box[0] + columns.start, box[1] + rows.start, box[0] + columns.stop, box[1] + rows.stop
    light = bring_back(mirror.light, frame, window)
    base[area] += share[area][..., None] * (relit(there, light) - base[area])
    return base
