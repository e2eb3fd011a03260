"""Bring a part of a photograph into the geometry the networks know, and what they made of it back.

A `Frame` is the square in which a face is looked at: a similarity transform (turn, scale, shift) from the photograph
to the 256 x 256 pixels of CelebA-HQ. Points are continuous: a pixel's centre lies at (column + 0.5, row + 0.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

from showface.errors import SettingError
from showface.masks import resize_visible
from showface.photo.photograph import Photo, PixelBox

SIDE = 256  # pixels of a frame
BAND = 1 << 22  # pixels of a photograph that are held as floats at once

# Right eye, left eye, nose, right and left corner of the mouth (the subject's right is at image left) of an average
# CelebA-HQ face at 256 px: the eyes as the set is described, nose and corners where YuNet finds them on average.
TEMPLATE = np.array([(96.4, 121.7), (158.4, 121.8), (126.0, 158.0), (100.5, 187.0), (152.5, 187.0)])
# The tip of the nose moves with every turn of the head, so it has no say in the alignment.
POINT_WEIGHTS = np.array([1.0, 1.0, 0.0, 1.0, 1.0])
# Left, top, right, bottom of the box that YuNet finds around such a face.
TEMPLATE_BOX = (60.9, 50.0, 198.6, 234.0)


@dataclass(frozen=True, eq=False)
class Frame:
    """A square of the photograph, perhaps turned, that becomes `SIDE` x `SIDE` pixels."""

    matrix: Float[np.ndarray, "2 3"]  # brings a point (x, y, 1) of the photograph to a point of the frame

    @property
    def scale(self) -> float:
        """Pixels of the photograph along one pixel of the frame (the geometric mean of both directions)."""
        return float(1 / np.sqrt(abs(np.linalg.det(self.matrix[:, :2]))))

    def to_photo(self, points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """Points of the frame as points of the photograph."""
        return np.asarray((points - self.matrix[:, 2]) @ np.linalg.inv(self.matrix[:, :2]).T)

    def corners(self) -> Float[np.ndarray, "4 2"]:
        """Upper left, upper right, lower left, lower right corner in the photograph."""
        return self.to_photo(np.array([(0.0, 0.0), (SIDE, 0.0), (0.0, SIDE), (SIDE, SIDE)]))

    def apart(self, other: Frame) -> float:
        """How far eyes and mouth of the average face lie from those of `other`, in pixels of a frame, on average."""
        there = self.to_photo(TEMPLATE) @ other.matrix[:, :2].T + other.matrix[:, 2]
        return float(np.average(np.linalg.norm(there - TEMPLATE, axis=1), weights=POINT_WEIGHTS))

    def window(self, size: tuple[int, int]) -> PixelBox:
        """The part of a photograph of `size` (height, width) that this frame shows; empty if there is none."""
        (left, top), (right, bottom) = np.floor(self.corners().min(0) + 1e-6), np.ceil(self.corners().max(0) - 1e-6)
        box = np.clip((left, top, right, bottom), 0, (size[1], size[0]) * 2).astype(int).tolist()
        return (box[0], box[1], box[2], box[3])

    def within(self, box: PixelBox) -> Bool[np.ndarray, "h w"]:
        """True for each pixel of `box` (of the photograph) whose centre lies in this frame."""
        left, top, right, bottom = box
        xs, ys = (np.arange(*ends, dtype=np.float32) + np.float32(0.5) for ends in ((left, right), (top, bottom)))
        inside = np.ones((bottom - top, right - left), dtype=bool)
        for across, down, shift in self.matrix.astype(np.float32):
            position = (across * xs + shift)[None, :] + (down * ys)[:, None]
            inside &= (position >= 0) & (position <= SIDE)
        return inside


def similarity(
    source: Float[np.ndarray, "n 2"], target: Float[np.ndarray, "n 2"], weights: Float[np.ndarray, "n"]
) -> Float[np.ndarray, "2 3"]:
    """The turn, scale and shift that bring `source` nearest to `target` (weighted least squares; no mirroring).

    In the complex plane that is a linear regression, target = a * source + b.
    """
    shares = weights / weights.sum()
    s, t = source[:, 0] + 1j * source[:, 1], target[:, 0] + 1j * target[:, 1]
    s_mean, t_mean = shares @ s, shares @ t
    spread = shares @ np.abs(s - s_mean) ** 2
    if not spread > 0:
        raise SettingError("expected points of a face that differ from each other, found them all in one place")
    a = (shares @ (np.conj(s - s_mean) * (t - t_mean))) / spread
    b = t_mean - a * s_mean
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def frame_of_points(points: Float[np.ndarray, "5 2"]) -> Frame:
    """The CelebA-HQ frame of a face with these five points of the photograph, in the order of `TEMPLATE`."""
    if not np.isfinite(points).all():
        raise SettingError("expected five points (x, y) of a face, found NaN or infinity")
    return Frame(similarity(points, TEMPLATE, POINT_WEIGHTS))


def frame_of_box(box: Sequence[float | int]) -> Frame:
    """The frame of an upright face in `box`: left, top, right, bottom, from brow to chin and cheek to cheek."""
    left, top, right, bottom = box
    if not (np.isfinite(box).all() and right > left and bottom > top):
        raise SettingError(f"expected a face box with right > left and bottom > top, found {tuple(box)}")
    t_left, t_top, t_right, t_bottom = TEMPLATE_BOX
    scale = np.sqrt((t_right - t_left) * (t_bottom - t_top) / ((right - left) * (bottom - top)))
    across = (t_left + t_right - scale * (left + right)) / 2
    down = (t_top + t_bottom - scale * (top + bottom)) / 2
    return Frame(np.array([[scale, 0.0, across], [0.0, scale, down]]))


def frame_of_window(window: PixelBox) -> Frame:
    """The frame that shows a rectangle of the photograph, stretched to a square."""
    left, top, right, bottom = window
    across, down = SIDE / (right - left), SIDE / (bottom - top)
    return Frame(np.array([[across, 0.0, -across * left], [0.0, down, -down * top]]))


# ---------------------------------------------------------------------------------------------- there


def take(
    photo: Photo, hole: Bool[np.ndarray, "h w"], frame: Frame, side: int = SIDE
) -> tuple[Image.Image, Bool[np.ndarray, "{side} {side}"]]:
    """What `frame` shows of `photo` at `side` pixels, 8-bit RGB, and its mask; `hole` has the photograph's size.

    Antialiased for any reduction, and no hidden pixel shows: each cell is a mean of visible pixels. Beyond its border
    the photograph is mirrored, as it is in CelebA-HQ. If nothing is visible the picture is black.
    """
    window = frame.window(hole.shape)
    left, top, right, bottom = window
    if right <= left or bottom <= top:
        raise SettingError("the face lies outside the picture; give a box or points inside it")
    if _is_rectangle(frame, window) and (right - left) * (bottom - top) <= BAND:
        return resize_visible(Image.fromarray(photo.rgb(window)), hole[top:bottom, left:right], side)
    to_side = frame.matrix * (side / SIDE)
    densest = float(np.linalg.svd(to_side[:, :2], compute_uv=False).max())  # frame pixels along one of the photo
    step = max(1, min(floor(0.5 / densest), right - left, bottom - top))
    means, visible = reduced(photo, hole, window, step)
    widest = 1 / float(np.linalg.svd(to_side[:, :2], compute_uv=False).min())
    fine = max(1, ceil(widest / step))  # samples along one pixel of the frame, never more than a (reduced) pixel apart
    matrix = _between_pixels(to_side * fine, (left, top), step)
    weighted = np.dstack([means * visible[..., None], visible]).astype(np.float32)
    size = (side * fine, side * fine)
    warped = cv2.warpAffine(weighted, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    shares = warped[..., 3]
    values = warped[..., :3] / np.maximum(shares, 1e-3)[..., None]
    return resize_visible(Image.fromarray(values.round().clip(0, 255).astype(np.uint8)), shares < 0.5, side)


def _is_rectangle(frame: Frame, window: PixelBox) -> bool:
    """Whether the frame shows exactly the pixels of `window`, unturned: then resizing is all there is to do."""
    straight = not frame.matrix[0, 1] and not frame.matrix[1, 0]
    return bool(straight and np.abs(frame.corners()[[0, 3]].ravel() - window).max() < 1e-6)


def reduced(
    photo: Photo, hole: Bool[np.ndarray, "h w"], window: PixelBox, step: int
) -> tuple[UInt8[np.ndarray, "h2 w2 3"], Bool[np.ndarray, "h2 w2"]]:
    """The means over the visible ones of each `step` x `step` pixels of `window`, and where at least half are visible.

    Rows and columns that do not fill a cell are left out. Works in bands, so that a large photograph costs little.
    """
    left, top, right, bottom = window
    rows, columns = (bottom - top) // step, (right - left) // step
    means, visible = np.zeros((rows, columns, 3), np.uint8), np.zeros((rows, columns), bool)
    band = max(1, BAND // (columns * step * step))
    for first in range(0, rows, band):
        last = min(first + band, rows)
        box = (left, top + first * step, left + columns * step, top + last * step)
        hidden = hole[box[1] : box[3], box[0] : box[2]]
        pixels = photo.rgb(box)
        if hidden.any():
            pixels = np.where(hidden[..., None], np.uint8(0), pixels)
        size = (columns, last - first)
        shares = cv2.resize((~hidden).astype(np.float32), size, interpolation=cv2.INTER_AREA).reshape(size[::-1])
        sums = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).reshape(*size[::-1], 3)
        visible[first:last] = shares > 0.499
        brightened = sums / np.maximum(shares, 0.499)[..., None]
        means[first:last] = np.where(visible[first:last, :, None], brightened.round().clip(0, 255), 0)
    return means, visible


def _between_pixels(matrix: Float[np.ndarray, "2 3"], origin: tuple[int, int], step: int) -> Float[np.ndarray, "2 3"]:
    """`matrix` between pixel indices, as OpenCV counts, for a part that begins at `origin` and is reduced by `step`."""
    linear = matrix[:, :2] * step
    shift = matrix @ np.array([origin[0], origin[1], 1.0])
    return np.column_stack([linear, shift + linear @ (0.5, 0.5) - 0.5])


# ---------------------------------------------------------------------------------------------- and back


def bring_back(values: Float[np.ndarray, "side side c"], frame: Frame, box: PixelBox) -> Float[np.ndarray, "h w c"]:
    """The frame's `values` (float32) as they look in `box` of the photograph: bicubic; past the frame, its edge."""
    left, top, right, bottom = box
    linear = frame.matrix[:, :2]
    shift = frame.matrix @ np.array([left + 0.5, top + 0.5, 1.0]) - 0.5
    size, back = (right - left, bottom - top), cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(values, np.column_stack([linear, shift]), size, flags=back, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped).reshape(bottom - top, right - left, values.shape[2])
