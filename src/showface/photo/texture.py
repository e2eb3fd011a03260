"""Fine texture for a completion that was made at 256 pixels, copied from what is known around it.

A completion brought back to a large photograph holds nothing finer than a pixel of its frame: no pores, no lashes, no
grain. The fine part of the photograph (what a frame of 256 pixels cannot hold) is known outside the hole. For each
patch of the hole the known patch that looks most alike *in the frame* lends its fine part (after Freeman et al. 2002,
"Example-based super-resolution", with the picture itself as the example). So skin gets skin and hair gets hair, as
sharp and as grainy as in this very photograph.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.lib.stride_tricks import sliding_window_view

from showface.photo.align import BAND, SIDE, Frame, bring_back
from showface.photo.photograph import Photo, PixelBox

PATCH, STRIDE = 8, 4  # pixels of the frame: side of a patch, distance of those that are filled
CHOICE = 2  # pixels of the frame between the patches that may lend
FEWEST = 50  # patches that must be there to choose from; else there is too little to copy
NEARNESS = 0.02  # squared levels that a pixel's distance (squared) in the frame counts for, in a patch's mean
LOYALTY = 1.5  # times the best match's difference that is put up with to go on copying where a neighbour copied
TAPER = 3  # power of the window in which patches are blended; high = a narrow overlap, which keeps the grain


@dataclass(frozen=True)
class Texture:
    """The fine part of a photograph within a frame's window, and which patch is copied where."""

    fine: Int[np.ndarray, "h w 3"]  # int8: levels above what the frame holds
    window: PixelBox
    targets: Float[np.ndarray, "n 2"]  # centres (x, y) of the patches to fill, in the photograph
    shifts: Int[np.ndarray, "n 2"]  # from where: pixels (x, y) to add
    reach: int  # half a patch, in pixels of the photograph

    def of(self, box: PixelBox) -> Float[np.ndarray, "h w 3"]:
        """The fine part for `box` of the photograph: 0 where no patch lies."""
        left, top, right, bottom = box
        sums = np.zeros((bottom - top, right - left, 3), np.float32)
        weights = np.full((bottom - top, right - left, 1), 1e-6, np.float32)
        ramp = np.sin(np.pi * (np.arange(2 * self.reach) + 0.5) / (2 * self.reach)) ** 2
        bell = (np.outer(ramp, ramp)[..., None] ** TAPER).astype(np.float32)
        for (x, y), (dx, dy) in zip(np.round(self.targets).astype(int) - self.reach, self.shifts, strict=True):
            # the part of this patch that lies in the box, and whose source lies in the window
            x0, x1 = max(x, left, self.window[0] - dx), min(x + 2 * self.reach, right, self.window[2] - dx)
            y0, y1 = max(y, top, self.window[1] - dy), min(y + 2 * self.reach, bottom, self.window[3] - dy)
            if x0 >= x1 or y0 >= y1:
                continue
            weight = bell[y0 - y : y1 - y, x0 - x : x1 - x]
            source = self.fine[
                y0 + dy - self.window[1] : y1 + dy - self.window[1], x0 + dx - self.window[0] : x1 + dx - self.window[0]
            ]
            sums[y0 - top : y1 - top, x0 - left : x1 - left] += weight * source
            weights[y0 - top : y1 - top, x0 - left : x1 - left] += weight
        return sums / weights


def texture_of(
    photo: Photo,
    hole: Bool[np.ndarray, "h w"],
    frame: Frame,
    completed: Float[np.ndarray, "256 256 3"],
    hidden: Bool[np.ndarray, "256 256"],
) -> Texture | None:
    """The texture for what `hidden` hides of `completed` (0..255); None if the frame shows all there is to see.

    `hole` has the photograph's size; what it hides is never copied.
    """
    if frame.scale < 1.2:
        return None
    inside = _inside(photo, frame)
    lends = _starts(hidden | ~inside, CHOICE, wanted=False)
    fills = _starts(_grown(hidden), STRIDE, wanted=True)
    if len(lends) < FEWEST or not len(fills):
        return None
    chosen = _matches(completed, fills, lends)
    half = PATCH / 2
    targets = frame.to_photo(fills[:, ::-1] + half)
    sources = frame.to_photo(lends[chosen][:, ::-1] + half)
    window = frame.window(hole.shape)
    return Texture(
        fine=_fine(photo, hole, frame, completed, window),
        window=window,
        targets=targets,
        shifts=np.round(sources - targets).astype(int),
        reach=max(1, round(half * frame.scale * _spread(frame))),
    )


def _spread(frame: Frame) -> float:
    """How much larger an upright square must be to cover one that is turned as the frame is."""
    across, down = np.abs(frame.matrix[0, :2])
    return float((across + down) / np.hypot(across, down))


def _inside(photo: Photo, frame: Frame) -> Bool[np.ndarray, "256 256"]:
    """Which pixels of the frame lie in the photograph."""
    centres = np.stack(np.meshgrid(np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5), -1).reshape(-1, 2)
    points = frame.to_photo(centres)
    return np.asarray(((points > 0) & (points < (photo.width, photo.height))).all(1).reshape(SIDE, SIDE))


def _grown(hidden: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """One pixel more on each side, so that patches cover the rim too."""
    padded = np.pad(hidden, 1)
    return np.asarray(sliding_window_view(padded, (3, 3)).any((2, 3)))


def _starts(mask: Bool[np.ndarray, "h w"], stride: int, *, wanted: bool) -> Int[np.ndarray, "n 2"]:
    """Upper left corners (row, column) of the patches that hold some of `mask` (wanted), or nothing near it (not)."""
    windows = sliding_window_view(mask if wanted else _grown(mask), (PATCH, PATCH))[::stride, ::stride]
    some = np.asarray(windows.any((2, 3)))
    return np.argwhere(some == wanted) * stride


def _matches(
    completed: Float[np.ndarray, "256 256 3"], fills: Int[np.ndarray, "n 2"], lends: Int[np.ndarray, "m 2"]
) -> Int[np.ndarray, "n"]:
    """For each patch to fill the index of the one that lends: alike in the frame, near, going on where one began."""
    patches = sliding_window_view(completed, (PATCH, PATCH), axis=(0, 1))
    wanted, known = (patches[starts[:, 0], starts[:, 1]].reshape(len(starts), -1) for starts in (fills, lends))
    differences = _squared_distances(wanted, known) / wanted.shape[1] + 1
    differences += NEARNESS * _squared_distances(fills.astype(np.float32), lends.astype(np.float32))
    place = {(int(row), int(column)): index for index, (row, column) in enumerate(lends)}
    filled: dict[tuple[int, int], int] = {}
    chosen = differences.argmin(1)
    for index, (row, column) in enumerate(fills.tolist()):
        for back in ((0, STRIDE), (STRIDE, 0)):
            neighbour = filled.get((row - back[0], column - back[1]))
            if neighbour is None:
                continue
            there = lends[neighbour] + back
            onward = place.get((int(there[0]), int(there[1])))
            if onward is not None and differences[index, onward] < LOYALTY * differences[index, chosen[index]]:
                chosen[index] = onward
                break
        filled[row, column] = int(chosen[index])
    return np.asarray(chosen)


def _squared_distances(one: Float[np.ndarray, "n c"], other: Float[np.ndarray, "m c"]) -> Float[np.ndarray, "n m"]:
    products = one @ (-2 * other.T)
    products += (one**2).sum(1)[:, None]
    products += (other**2).sum(1)[None]
    return np.asarray(np.maximum(products, 0, out=products))


def _fine(
    photo: Photo,
    hole: Bool[np.ndarray, "h w"],
    frame: Frame,
    completed: Float[np.ndarray, "256 256 3"],
    window: PixelBox,
) -> Int[np.ndarray, "rows columns 3"]:
    """The photograph less what its frame holds, in levels of 1, where it is known; worked through in bands."""
    left, top, right, bottom = window
    fine = np.zeros((bottom - top, right - left, 3), np.int8)
    band = max(1, BAND // max(1, right - left))
    for first in range(top, bottom, band):
        box = (left, first, right, min(first + band, bottom))
        rest = photo.rgb(box) - bring_back(completed, frame, box)
        rest[hole[box[1] : box[3], left:right]] = 0
        fine[first - top : box[3] - top] = rest.round().clip(-127, 127)
    return fine
