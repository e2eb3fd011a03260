"""What lies outside every face is filled in from its rim (Telea 2004, as OpenCV has it)."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float

from showface.photo.align import SIDE, Frame, take
from showface.photo.find_faces import islands
from showface.photo.photograph import Photo, PixelBox
from showface.photo.put_back import put_back

RADIUS = 3.0  # pixels of the frame around a point that are averaged to fill it
MOST_ISLANDS = 12  # that are filled in one by one; more are taken together, at a coarser size


def fill_from_rim(
    photo: Photo, hole: Bool[np.ndarray, "h w"], *, feather: float | int | None = None, grain: bool = True
) -> Photo:
    """`photo` with all of `hole` (its size) filled in, island by island; other pixels keep every bit."""
    boxes = islands(hole)
    if len(boxes) > MOST_ISLANDS:
        corners = np.array(boxes)
        boxes = [(*corners[:, :2].min(0).tolist(), *corners[:, 2:].max(0).tolist())]
    left = hole.copy()
    for box in boxes:
        part = np.zeros_like(left)
        part[box[1] : box[3], box[0] : box[2]] = left[box[1] : box[3], box[0] : box[2]]
        if not part.any():  # filled in with another island, whose box holds this one
            continue
        frame = square_round(box)
        picture, hidden = take(photo, left, frame)
        photo = put_back(
            photo, left, frame, telea(np.asarray(picture), hidden), hidden, part=part, feather=feather, grain=grain
        )
        left &= ~part
    return photo


def square_round(box: PixelBox) -> Frame:
    """The square round a hole's `box`, half as large again and at least as large as a frame."""
    left, top, right, bottom = box
    half = max(1.5 * max(right - left, bottom - top), SIDE) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    scale = SIDE / (2 * half)
    return Frame(np.array([[scale, 0.0, -scale * (x - half)], [0.0, scale, -scale * (y - half)]]))


def telea(pixels: np.ndarray, hidden: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "h w 3"]:
    """uint8 RGB with `hidden` filled in, as floats in 0..255."""
    filled = cv2.inpaint(pixels, hidden.astype(np.uint8), RADIUS, cv2.INPAINT_TELEA)
    return np.asarray(filled, dtype=np.float32)
