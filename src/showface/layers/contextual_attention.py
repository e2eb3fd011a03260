"""Contextual attention: a hole's cells borrow from the visible cells that look most alike (Yu et al. 2018 and 2019).

    score      cosine of the 3x3 windows around two cells of the map at half its size (`patch`, `rate`)
    agreement  each score is summed with those of the same two cells moved alike, along rows, then columns (`fuse`)
    share      soft-max of `scale` times the score, over windows without any hidden cell
    paste      the weighted sums of overlapping windows of the whole map, averaged where they overlap

method.md §10 gives the numbers; every picture is matched under its own mask.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from showface.errors import SettingError


def contextual_attention(
    features: Float[Tensor, "b c h w"],
    hole: Float[Tensor, "b 1 h w"],
    *,
    patch: int = 3,
    rate: int = 2,
    scale: float = 10.0,
    fuse: int = 3,
) -> Float[Tensor, "b c h w"]:
    """`features` with what the cells of `hole` (1 = hidden) borrow from visible windows; other cells stay as they are.

    A picture without one wholly visible window stays as it is too. Height and width must be multiples of `rate`;
    `patch` and `fuse` are odd. Memory grows with (h w / rate^2)^2: 4 MB a picture for 64 x 64 cells.
    """
    height, width = features.shape[2:]
    if height % rate or width % rate:
        raise SettingError(f"contextual attention: {height} x {width} cells, expected multiples of {rate}")
    with torch.autocast(features.device.type, enabled=False):
        whole = features.float()
        keys = visible_windows(hole, patch=patch, rate=rate)  # (b, k)
        some = keys.any(dim=1, keepdim=True)
        scores = similarity(F.avg_pool2d(whole, rate), patch) * keys[:, None]  # (b, q, k)
        scores = agreement(scores, (height // rate, width // rate), fuse)
        shares = (scale * scores).masked_fill(~(keys | ~some)[:, None], -torch.inf).softmax(dim=-1)
        borrowed = pasted(shares, whole, rate)
    return borrowed.to(features.dtype).where((hole > 0.5) & some[:, :, None, None], features)


def visible_windows(hole: Float[Tensor, "b 1 h w"], *, patch: int, rate: int) -> Bool[Tensor, "b k"]:
    """Which windows of the reduced map may be copied from: those in which no cell, wholly or partly, is hidden."""
    reduced = F.max_pool2d(hole.float(), rate)
    return (F.max_pool2d(reduced, patch, stride=1, padding=patch // 2) == 0).flatten(1)


def similarity(features: Float[Tensor, "b c h w"], patch: int) -> Float[Tensor, "b n n"]:
    """Cosines of all pairs of windows, zeros beyond the border; n = h w, row by row."""
    windows = F.unfold(features, patch, padding=patch // 2).transpose(1, 2)  # (b, n, c patch patch)
    windows = F.normalize(windows, dim=-1, eps=1e-6)
    return windows @ windows.transpose(1, 2)


def agreement(scores: Float[Tensor, "b n n"], size: tuple[int, int], fuse: int) -> Float[Tensor, "b n n"]:
    """Scores summed over the moves of both cells, by up to fuse // 2 to either side, that stay on the map.

    Neighbouring cells thus prefer sources that are neighbours too, so that whole pieces are copied.
    """
    pairs = scores.unflatten(2, size).unflatten(1, size)  # (b, query row, query column, key row, key column)
    pairs = _diagonal_sum(_diagonal_sum(pairs, (2, 4), fuse), (1, 3), fuse)
    return pairs.flatten(3, 4).flatten(1, 2)


def _diagonal_sum(pairs: Float[Tensor, "b h w h w"], axes: tuple[int, int], fuse: int) -> Float[Tensor, "b h w h w"]:
    """Each entry plus those at the same distance along both `axes`."""
    total = pairs.clone()
    for move in range(1, min(fuse // 2, pairs.shape[axes[0]] - 1) + 1):
        left = pairs.shape[axes[0]] - move
        for here, there in ((0, move), (move, 0)):
            _part(total, axes, here, left).add_(_part(pairs, axes, there, left))
    return total


def _part(pairs: Tensor, axes: tuple[int, int], start: int, length: int) -> Tensor:
    return pairs.narrow(axes[0], start, length).narrow(axes[1], start, length)


def pasted(shares: Float[Tensor, "b q k"], features: Float[Tensor, "b c h w"], rate: int) -> Float[Tensor, "b c h w"]:
    """The map made of mixed windows: one around each cell of the reduced map, reaching half a cell into its neighbours.

    Such a window, `rate` + 2 `margin` wide, lies within the 3x3 reduced cells that were matched.
    """
    size, margin = (features.shape[2], features.shape[3]), max(1, rate // 2)
    side = rate + 2 * margin
    windows = F.unfold(features, side, padding=margin, stride=rate).transpose(1, 2)  # (b, k, c side side)
    mixed = (shares @ windows).transpose(1, 2)  # (b, c side side, q)
    total = F.fold(mixed, size, side, padding=margin, stride=rate)
    ones = mixed.new_ones(1, side * side, mixed.shape[2])
    return total / F.fold(ones, size, side, padding=margin, stride=rate)
