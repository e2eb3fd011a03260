"""Correlation between the patches of feature maps (paper section 3.3, Figure 3).

Patches are cut with `unfold_patches`, related by `patch_correlation` and put back with `fold_patches`. Sides that the
patches do not tile exactly are continued by their last row or column, and cropped again when folded.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from showface.layers.folding import folded

Correlation = Literal["softmax", "cosine", "none"]

COSINE_SCALE = 10.0  # the soft-max scale of contextual attention


def padded_side(side: int, patch: int, stride: int) -> int:
    """The smallest length, at least `side`, that windows of `patch` at steps of `stride` cover without a rest."""
    steps = max(0, -(-(side - patch) // stride))
    return patch + steps * stride


def unfold_patches(features: Float[Tensor, "b c h w"], *, patch: int, stride: int) -> Float[Tensor, "b n d"]:
    """All `patch` x `patch` windows at steps of `stride`, row by row, each flattened to d = c * patch * patch.

    Within d a pixel's channels are together where the patches tile the map, else a channel's pixels.
    """
    height, width = features.shape[2:]
    if stride == patch and not (height % patch or width % patch):  # the same values, ten times as fast
        return folded(features, patch, pixels_first=True).flatten(2).transpose(1, 2)
    below, right = padded_side(height, patch, stride) - height, padded_side(width, patch, stride) - width
    if below or right:
        features = F.pad(features, (0, right, 0, below), mode="replicate")
    return F.unfold(features, patch, stride=stride).transpose(1, 2)


def fold_patches(
    patches: Float[Tensor, "b n d"], size: tuple[int, int], *, patch: int, stride: int
) -> Float[Tensor, "b c {size[0]} {size[1]}"]:
    """The inverse of `unfold_patches` for a map of (height, width) `size`; overlapping patches are averaged."""
    padded = (padded_side(size[0], patch, stride), padded_side(size[1], patch, stride))
    if stride == patch and padded == size:
        cells: Tensor = patches.unflatten(1, (size[0] // patch, size[1] // patch)).unflatten(3, (patch, patch, -1))
        # (b, h/p, w/p, p, p, c) to (b, c, h, w) in channels_last order
        return cells.transpose(2, 3).flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)
    total = F.fold(patches.transpose(1, 2), padded, patch, stride=stride)
    ones = patches.new_ones(1, patch * patch, patches.shape[1])
    count = F.fold(ones, padded, patch, stride=stride)  # (1, 1, h, w)
    return (total / count)[..., : size[0], : size[1]]


def patch_correlation(
    left: Float[Tensor, "b n d"],
    right: Float[Tensor, "b k d"],
    *,
    kind: Correlation = "softmax",
    keys: Bool[Tensor, "b k"] | None = None,
) -> Float[Tensor, "b n k"]:
    """The similarity matrix Phi of section 3.3: how much of patch k goes into patch n.

    `softmax`: soft-max of the dot products / sqrt(d); rows sum to 1.
    `cosine`: soft-max of 10 times the cosine; rows sum to 1.
    `none`: the paper's bare dot product. Its constant 1 / (sqrt(d) * number of keys) is one that the projections
    before it can absorb; without it the sum over the patches grows with the size of the picture.
    `keys` leaves only the patches marked true as sources; where it marks none, all are.
    """
    # Deviation: the paper writes a dot product without normalisation; scores near 1e4 cannot be trained.
    with torch.autocast(left.device.type, enabled=False):
        left, right = left.float(), right.float()
        if kind == "cosine":
            left, right = F.normalize(left, dim=-1, eps=1e-6), F.normalize(right, dim=-1, eps=1e-6)
        scale = COSINE_SCALE if kind == "cosine" else left.shape[-1] ** -0.5
        scores = scale * (left @ right.transpose(1, 2))  # (b, n, k)
        allowed = None if keys is None else (keys | ~keys.any(dim=1, keepdim=True))[:, None]  # (b, 1, k)
        if kind == "none":
            return scores / scores.shape[-1] if allowed is None else scores * allowed / allowed.sum(-1, keepdim=True)
        return (scores if allowed is None else scores.masked_fill(~allowed, -torch.inf)).softmax(dim=-1)
