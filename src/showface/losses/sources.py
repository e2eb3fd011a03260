"""Losses of the alignment of sources: whether what they show came to where it belongs in the face.

Not in the paper. A flow whose warped picture is only one more input of a network learns nothing (its confidence goes
to 0 and no gradient is left), so the warped pictures are compared with the truth themselves. The light of two
photographs differs: compared is detail, at three sizes, so that a flow finds its way from some pixels off.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

SOFT = 8  # pixels a side of the cells whose means are no detail
SCALES = (1, 2, 4)  # pixels a side of the cells that are compared
HOLE = 4.0  # how much more a pixel of the hole counts
LARGEST = 0.5  # difference of detail beyond which the two do not show the same thing


@dataclass(frozen=True, kw_only=True)
class AlignedTruth:
    """The true pictures of `k` sources, warped by the flow that the network found."""

    pictures: Float[Tensor, "b k 3 h w"]
    """At half the size of the faces, which tells as much of a flow that has a cell for every 4 pixels."""
    shown: Float[Tensor, "b k 1 h w"]
    """1 where the warped picture shows something, in [0, 1]."""
    flow: Float[Tensor, "b k 2 h2 w2"]
    """In sides of the picture."""


def source_loss(
    pictures: Float[Tensor, "b k 3 h w"],
    shown: Float[Tensor, "b k 1 h w"],
    truth: Float[Tensor, "b 3 h w"],
    mask: Float[Tensor, "b 1 h w"],
) -> Float[Tensor, ""]:
    """The mean difference of detail between warped sources and truth, summed over the `SCALES`.

    RGB in [-1, 1]; mask: 1 = hole. Sides must be multiples of `SOFT`. Sources that show nothing do not count.
    """
    count = pictures.shape[1]
    weight = shown.flatten(0, 1) * (1 + (HOLE - 1) * mask.float()).repeat_interleave(count, dim=0)
    wanted = detail(truth.float()).repeat_interleave(count, dim=0)
    found = detail(pictures.flatten(0, 1).float())
    parts = []
    for scale in SCALES:
        ours, theirs, weights = (F.avg_pool2d(x, scale) for x in (found, wanted, weight))
        difference = (ours - theirs).abs().clamp_max(LARGEST) * weights
        per_source = difference.mean(dim=(1, 2, 3)) / weights.mean(dim=(1, 2, 3)).clamp_min(1e-6)
        counted = (weights.amax(dim=(1, 2, 3)) > 0).float()
        parts.append((per_source * counted).sum() / counted.sum().clamp_min(1))
    return torch.stack(parts).sum()


def detail(pictures: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """The pictures less their means over cells of `SOFT` pixels, bilinear between them."""
    soft = F.interpolate(F.avg_pool2d(pictures, SOFT), scale_factor=float(SOFT), mode="bilinear", align_corners=False)
    return pictures - soft


def flow_roughness(flow: Float[Tensor, "b k 2 h w"]) -> Float[Tensor, ""]:
    """The mean absolute difference of the flow between neighbouring cells, in cells: 0 = everything moves alike."""
    flow = flow.float() * flow.shape[-1]
    down, across = flow.diff(dim=-2).abs().mean(), flow.diff(dim=-1).abs().mean()
    return down + across
