"""What lies outside every face, and what is thin, is filled in from its rim (Telea 2004, as OpenCV has it)."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from showface.photo.align import SIDE, Frame, take
from showface.photo.find_faces import islands
from showface.photo.photograph import Photo, PixelBox
from showface.photo.put_back import put_back

RADIUS = 3.0  # pixels of the frame around a point that are averaged to fill it
THIN = 7  # pixels of the frame: a part of a hole that is narrower is filled in from its two sides
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


def with_thin_parts(
    completed: Float[np.ndarray, "h w 3"], pixels: UInt8[np.ndarray, "h w 3"], hidden: Bool[np.ndarray, "h w"]
) -> Float[np.ndarray, "h w 3"]:
    """`completed` (0..255), but where the hole is thin, as scratches are, filled in from its rim; softly joined.

    There is nothing to invent in a hole of a few pixels' width: what stands at its two sides says it all. `pixels` is
    the picture without the completion.
    """
    thin = thin_parts(hidden)
    if not thin.any():
        return completed
    share = cv2.blur(thin.astype(np.float32), (THIN, THIN))[..., None]
    share = np.minimum(1, share / np.maximum(cv2.blur(hidden.astype(np.float32), (THIN, THIN))[..., None], 1e-6))
    joined = completed + share * (telea(pixels, hidden) - completed)
    return np.where(hidden[..., None], joined, completed).astype(np.float32)


def thin_parts(hidden: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Where `hidden` is narrower than a disc of `THIN` pixels (its opening), but for the corners of broad parts."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (THIN, THIN))
    broad = cv2.dilate(cv2.morphologyEx(hidden.astype(np.uint8), cv2.MORPH_OPEN, disc), np.ones((3, 3), np.uint8))
    return np.asarray(hidden & (broad == 0))


def telea(pixels: np.ndarray, hidden: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "h w 3"]:
    """uint8 RGB with `hidden` filled in, as floats in 0..255."""
    filled = cv2.inpaint(pixels, hidden.astype(np.uint8), RADIUS, cv2.INPAINT_TELEA)
    return np.asarray(filled, dtype=np.float32)
