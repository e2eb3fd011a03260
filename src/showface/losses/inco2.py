"""InCo2 loss (paper section 3.5, equations 6-8, Figure 4): relations between facial parts as in the true picture.

Features of the completed and the true picture are pooled per semantic category, once inside the hole and once outside;
the matrices of similarities among the pooled vectors must agree.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from showface.layers.regions import region_pool

SimilarityKind = Literal["cosine", "raw"]

MIN_CELLS = 4


def cosine_matrix(rows: Float[Tensor, "b n c"], columns: Float[Tensor, "b m c"]) -> Float[Tensor, "b n m"]:
    """Cosines in [-1, 1] between all pairs of vectors, in float32; a zero vector gives zeros."""
    with torch.autocast(device_type=rows.device.type, enabled=False):
        return F.normalize(rows.float(), dim=2, eps=1e-6) @ F.normalize(columns.float(), dim=2, eps=1e-6).mT


def product_matrix(rows: Float[Tensor, "b n c"], columns: Float[Tensor, "b m c"]) -> Float[Tensor, "b n m"]:
    """Dot products of all pairs of vectors divided by their length c: the paper's literal matrix, size-averaged."""
    with torch.autocast(device_type=rows.device.type, enabled=False):
        return rows.float() @ (columns.float() / rows.shape[2]).mT


def split(
    regions: Float[Tensor, "b n h w"], mask: Float[Tensor, "b 1 h w"]
) -> tuple[Float[Tensor, "b n h w"], Float[Tensor, "b n h w"]]:
    """The regions' cells inside and outside the hole; a cell belongs to the hole if at least half of it is masked."""
    hole = (mask >= 0.5).to(regions.dtype)
    return regions * hole, regions * (1 - hole)


def matrix_loss(
    ours: Float[Tensor, "b n m"],
    truth: Float[Tensor, "b n m"],
    pairs: Bool[Tensor, "b n m"],
    count: Float[Tensor, ""] | None = None,
) -> Float[Tensor, ""]:
    """The mean absolute difference over the valid `pairs`; 0, still attached to the graph, where there is none.

    `count` is what the sum is divided by instead of the number of pairs: see `pair_counts`.
    """
    return ((ours - truth).abs() * pairs).sum() / (pairs.sum() if count is None else count).clamp(min=1)


def pair_counts(
    regions: Float[Tensor, "b n h w"], mask: Float[Tensor, "b 1 h w"]
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """How many pairs of categories equations 6 and 7 compare; averaged over the parts of a batch, the `count` of each.

    Only so do the losses of the parts, averaged, equal that of the whole batch.
    """
    hidden, visible = (_large(part).float() for part in split(regions, mask))  # (b, n)
    inside = hidden.sum(dim=1)
    return inside.square().sum(), (inside * visible.sum(dim=1)).sum()


def intra_loss(
    completed: Float[Tensor, "b c h w"],
    truth: Float[Tensor, "b c h w"],
    regions: Float[Tensor, "b n h w"],
    mask: Float[Tensor, "b 1 h w"],
    *,
    similarity: SimilarityKind = "cosine",
    count: Float[Tensor, ""] | None = None,
) -> Float[Tensor, ""]:
    """Equation 6: similarities among the categories inside the hole.

    `completed` and `truth` are features of the two pictures, `regions` the true picture's semantic map as 0/1 planes,
    `mask` the masked share of each cell in [0, 1] (1 = hole), all at feature size. No gradient goes to the truth.
    `count` is for parts of a batch, see `pair_counts`.
    """
    hidden, _ = split(regions, mask)
    matrix = cosine_matrix if similarity == "cosine" else product_matrix
    ours, theirs = _pool(completed, hidden), _pool(truth.detach(), hidden)
    large = _large(hidden)
    return matrix_loss(matrix(ours, ours), matrix(theirs, theirs), large[:, :, None] & large[:, None, :], count)


def inter_loss(
    completed: Float[Tensor, "b c h w"],
    truth: Float[Tensor, "b c h w"],
    regions: Float[Tensor, "b n h w"],
    mask: Float[Tensor, "b 1 h w"],
    *,
    similarity: SimilarityKind = "cosine",
    count: Float[Tensor, ""] | None = None,
) -> Float[Tensor, ""]:
    """Equation 7: similarities of the categories inside the hole with those outside; arguments as in `intra_loss`."""
    hidden, visible = split(regions, mask)
    matrix = cosine_matrix if similarity == "cosine" else product_matrix
    ours = matrix(_pool(completed, hidden), _pool(completed, visible))
    theirs = matrix(_pool(truth.detach(), hidden), _pool(truth.detach(), visible))
    return matrix_loss(ours, theirs, _large(hidden)[:, :, None] & _large(visible)[:, None, :], count)


def _pool(features: Tensor, regions: Tensor) -> Tensor:
    vectors, _ = region_pool(features, regions)
    return vectors  # (b, n, c)


def _large(regions: Tensor) -> Tensor:
    """Which regions have at least MIN_CELLS cells; the mean of fewer says little."""
    return regions.sum(dim=(2, 3)) >= MIN_CELLS  # (b, n)
