"""Region-wise average pooling and its inverse (paper section 3.2, after SEAN).

A region map is a stack of 0/1 planes, one per category. Pooling turns a feature map into one vector per category,
broadcasting paints the vectors back. Down-sample a semantic map once and reuse it: a cell's category must not be
decided twice.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor


def one_hot(semantic_map: Int64[Tensor, "b h w"], categories: int) -> Float[Tensor, "b n h w"]:
    """One 0/1 plane per category; a label outside 0..categories-1 belongs to none of them."""
    labels = torch.arange(categories, device=semantic_map.device)
    return (semantic_map[:, None] == labels[:, None, None]).float()


def downsample_semantic_map(
    semantic_map: Int64[Tensor, "b h w"], size: int | tuple[int, int]
) -> Int64[Tensor, "b small_h small_w"]:
    """Nearest neighbour: each cell takes the label of the pixel at its centre. `size` is a side or (height, width)."""
    height, width = (size, size) if isinstance(size, int) else size
    rows = _centres(semantic_map.shape[1], height, semantic_map.device)
    columns = _centres(semantic_map.shape[2], width, semantic_map.device)
    return semantic_map[:, rows[:, None], columns]


def _centres(pixels: int, cells: int, device: torch.device) -> Int64[Tensor, " cells"]:
    """The pixel at the centre of each cell, floor((i + 1/2) pixels / cells) in whole numbers."""
    return (2 * torch.arange(cells, device=device) + 1) * pixels // (2 * cells)


def region_pool(
    features: Float[Tensor, "b c h w"], regions: Float[Tensor, "b n h w"]
) -> tuple[Float[Tensor, "b n c"], Bool[Tensor, "b n"]]:
    """Mean feature of every region, and which regions have any cell; the vector of an absent region is zero.

    `regions` holds 0/1 and may be restricted beforehand, for instance to visible cells by `one_hot(...) * (1 - mask)`.
    Sums run over thousands of cells, so they are taken in float32 whatever autocast says.
    """
    with torch.autocast(features.device.type, enabled=False):
        weights = regions.float().flatten(2)  # (b, n, h*w)
        count = weights.sum(dim=2)  # (b, n)
        total = weights @ features.float().flatten(2).transpose(1, 2)  # (b, n, c)
        return total / count.clamp_min(1)[..., None], count > 0


def broadcast(vectors: Float[Tensor, "b n c"], regions: Float[Tensor, "b n h w"]) -> Float[Tensor, "b c h w"]:
    """Paint each region with its vector; cells of no region become zero. Exact: autocast does not round the vectors."""
    with torch.autocast(vectors.device.type, enabled=False):
        cells = regions.to(vectors.dtype).flatten(2).transpose(1, 2)  # (b, h*w, n)
        painted = (cells @ vectors).reshape(-1, *regions.shape[2:], vectors.shape[2])
        return painted.permute(0, 3, 1, 2)  # in channels_last order, as whatever convolves it likes best
