"""Reconstruction loss (Liu et al. 2018, equation 3; method.md §8, the default family of the paper's section 3.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor

Average = Literal["picture", "region"]


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """The two halves of the L1 distance; averaged over the picture, they add up to its plain mean."""

    valid: Float[Tensor, ""]
    hole: Float[Tensor, ""]


def reconstruction_loss(
    raw: Float[Tensor, "b 3 h w"],
    truth: Float[Tensor, "b 3 h w"],
    mask: Float[Tensor, "b 1 h w"],
    *,
    average: Average = "picture",
    squared: float = 0.0,
) -> Reconstruction:
    """L1 of the network's `raw` output against `truth` (both [-1, 1]) outside and inside the hole (mask 1 = hole).

    `average="picture"` divides both by the number of *all* elements, as in the authors' errata, so that a small hole
    weighs little. "region" divides each picture's distance by the size of its own region: every hole weighs alike.
    `squared` adds that multiple of the squared difference: L1 alone is least for the median of what could be there.
    """
    distance = (raw.float() - truth.float()).abs()  # (b, 3, h, w)
    distance = distance + squared * distance.square() if squared else distance
    hole = mask.float()
    if average == "picture":
        return Reconstruction(valid=(distance * (1 - hole)).mean(), hole=(distance * hole).mean())
    return Reconstruction(valid=_mean_over(distance, 1 - hole), hole=_mean_over(distance, hole))


def _mean_over(distance: Float[Tensor, "b 3 h w"], region: Float[Tensor, "b 1 h w"]) -> Float[Tensor, ""]:
    """The mean over the pictures of the mean over each one's region; a picture without the region counts as 0."""
    size = region.sum(dim=(1, 2, 3)) * distance.shape[1]  # (b,)
    return ((distance * region).sum(dim=(1, 2, 3)) / size.clamp_min(1)).mean()
