"""Whether the parts of the face are where they belong: overlap of a parser's categories inside the hole."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

LEAST = 0.01  # share of the hole that a category of the truth must take to count


def part_overlap(
    completed: Integer[Tensor, "b h w"], truth: Integer[Tensor, "b h w"], masks: Bool[Tensor, "b 1 h w"]
) -> Float[Tensor, " b"]:
    """The mean intersection over union of the truth's categories in each hole, 1 for equal maps.

    Categories that the truth shows on less than a hundredth of the hole do not count: a few stray pixels would weigh
    as much as a mouth. What a completion shows in vain takes from the categories whose place it takes.
    """
    values = [_overlap(one[hole], true[hole]) for one, true, hole in zip(completed, truth, masks[:, 0], strict=True)]
    return torch.tensor(values, dtype=torch.float64)


def _overlap(completed: Integer[Tensor, " n"], truth: Integer[Tensor, " n"]) -> float:
    found, counts = truth.unique(return_counts=True)
    shown = [(completed == part, truth == part) for part in found[counts >= LEAST * len(truth)]]
    return sum(float((a & b).sum() / (a | b).sum()) for a, b in shown) / len(shown)
