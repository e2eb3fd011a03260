"""Parsing loss: what our own face parser learns by (method.md §3; the paper takes a trained parser)."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from showface.layers.regions import downsample_semantic_map

IGNORED = 255


def parsing_loss(
    logits: Float[Tensor, "b n h w"],
    labels: Int64[Tensor, "b full_h full_w"],
    weights: Float[Tensor, " n"] | None = None,
    *,
    ignore: int = IGNORED,
    mass: Float[Tensor, ""] | None = None,
) -> Float[Tensor, ""]:
    """Cross-entropy of the logits against the labels, reduced to the logits' size by nearest neighbour.

    `labels` are 0..n-1, or `ignore` where nobody labelled. Averaged over the labelled cells, with `weights` per
    category (see `class_weights`) as a weighted mean; without any labelled cell the loss is 0. For a part of a batch,
    `mass` is the number of labelled cells of an average part.
    """
    size = (logits.shape[2], logits.shape[3])
    cells = downsample_semantic_map(labels, size)  # (b, h, w)
    scale = logits.new_ones(logits.shape[1], dtype=torch.float32) if weights is None else weights.float()
    total = F.cross_entropy(logits.float(), cells, scale, ignore_index=ignore, reduction="sum")
    if mass is None:
        labelled = cells != ignore
        mass = scale[cells.where(labelled, 0)].mul(labelled).sum()
    return total / torch.where(mass > 0, mass, 1)


def labelled_cells(
    labels: Int64[Tensor, "b full_h full_w"], size: tuple[int, int], *, ignore: int = IGNORED
) -> Float[Tensor, ""]:
    """How many cells of a grid of `size` have a label."""
    return (downsample_semantic_map(labels, size) != ignore).sum().float()


def class_weights(counts: Float[Tensor, " n"] | Int64[Tensor, " n"]) -> Float[Tensor, " n"]:
    """A weight per category from how many pixels it has: 1 / sqrt(share), with mean 1 over the pixels.

    A compromise between equal weights, which favour hair and skin, and inverse shares, which favour earrings. No
    category weighs more than 20 times the most frequent one; one that never occurs weighs as much as that.
    """
    share = counts.float() / counts.sum().clamp_min(1)  # (n,)
    largest = share.max()
    raw = (largest / share).nan_to_num(nan=1.0).sqrt().clamp_max(20)  # 1 for the most frequent
    mean = (raw * share).sum()
    return raw / torch.where(mean > 0, mean, 1)
