"""A membrane across a hole: what is known at its rim, carried inwards as smoothly as can be.

Inside the hole it solves Laplace's equation with the known pixels as boundary values, approximately: the known pixels
are halved until the hole is gone, and the fill is brought back with a few relaxation sweeps at every size (cascadic
multigrid).
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float

SWEEPS = 2  # of relaxation at full size; twice as many at each smaller one
MOST_SWEEPS = 16
_NEIGHBOURS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=np.float32) / 4


def membrane(values: Float[np.ndarray, "h w 3"], hole: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "h w 3"]:
    """float32 `values` with `hole` filled in; what stands in the hole does not matter. 0 where nothing is known."""
    known = ~hole
    levels = [(np.where(known[..., None], values, np.float32(0)), known)]
    while not levels[-1][1].all() and max(levels[-1][1].shape) > 1:
        levels.append(_halved(*levels[-1]))
    filled = levels[-1][0]
    for level in reversed(range(len(levels) - 1)):
        given, known = levels[level]
        rows, columns = known.shape
        size = (2 * filled.shape[1], 2 * filled.shape[0])
        filled = cv2.resize(filled, size, interpolation=cv2.INTER_LINEAR).reshape(size[1], size[0], 3)[:rows, :columns]
        filled = np.where(known[..., None], given, filled)
        for _ in range(min(MOST_SWEEPS, SWEEPS * 2**level)):
            relaxed = cv2.filter2D(filled, -1, _NEIGHBOURS, borderType=cv2.BORDER_REPLICATE)
            filled = np.where(known[..., None], given, relaxed)
    return filled


def faded(
    mismatch: Float[np.ndarray, "h w 3"], hole: Bool[np.ndarray, "h w"], reach: float | int | None
) -> Float[np.ndarray, "h w 3"]:
    """`mismatch` running out over `reach` pixels of the hole, counted from its border; None = nowhere."""
    if reach is None:
        return mismatch
    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.asarray(mismatch * np.clip(1 - (depth - 1) / reach, 0, 1)[..., None])


def continued(
    completed: Float[np.ndarray, "h w 3"], hidden: Bool[np.ndarray, "h w"], *, reach: float | None = None
) -> Float[np.ndarray, "h w 3"]:
    """`completed` bent inside `hidden` so that it goes on where the known pixels stop, as they were going.

    The known rim is carried on by half a pixel of its own slope and compared with the completion beside it; the
    difference is spread as a membrane, over `reach` pixels if given. Known pixels stay as they are.
    """
    if not hidden.any() or hidden.all():
        return completed
    values = completed.astype(np.float32)
    beside, touches = _mean_of_neighbours(values, hidden)
    rim = touches & ~hidden
    behind, goes_on = _mean_of_neighbours(values, ~hidden & ~rim)
    slope = np.where(goes_on[..., None], values - behind, 0)
    mismatch = values + slope / 2 - beside
    return np.where(hidden[..., None], values + faded(membrane(mismatch, ~rim), hidden, reach), values)


def _mean_of_neighbours(
    values: Float[np.ndarray, "h w 3"], mask: Bool[np.ndarray, "h w"]
) -> tuple[Float[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
    """The mean over those of the four neighbours that are in `mask`, and where there are any."""
    weights = mask.astype(np.float32)
    shares = cv2.filter2D(weights, -1, _NEIGHBOURS, borderType=cv2.BORDER_CONSTANT)
    sums = cv2.filter2D(values * weights[..., None], -1, _NEIGHBOURS, borderType=cv2.BORDER_CONSTANT)
    return sums / np.maximum(shares, 0.25)[..., None], shares > 0


def _halved(
    values: Float[np.ndarray, "h w 3"], known: Bool[np.ndarray, "h w"]
) -> tuple[Float[np.ndarray, "h2 w2 3"], Bool[np.ndarray, "h2 w2"]]:
    """The mean over the known ones of each 2 x 2 pixels; `values` are 0 where nothing is known.

    Past an odd side nothing is known.
    """
    rows, columns = (-(-side // 2) for side in known.shape)
    padded = np.zeros((2 * rows, 2 * columns, 4), np.float32)
    padded[: known.shape[0], : known.shape[1], :3] = values
    padded[: known.shape[0], : known.shape[1], 3] = known
    means = cv2.resize(padded, (columns, rows), interpolation=cv2.INTER_AREA).reshape(rows, columns, 4)
    shares = means[..., 3:]
    return means[..., :3] / np.maximum(shares, 0.25), shares[..., 0] > 0
