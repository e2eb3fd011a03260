"""Losses of the alignment of sources: whether what they show came to where it belongs, and whether it serves there.

Not in the paper. A flow whose warped picture is only one more input of a network learns nothing: its confidence falls
to 0 before the flow has found its way, and no gradient is left. So flow and confidence learn by themselves. Light and
colour of two photographs differ; compared is the luminance, normalised about each pixel, at three sizes, so that a
flow finds its way from some pixels off.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

LUMINANCE = (0.299, 0.587, 0.114)
ABOUT = ((1, 6), (2, 5), (4, 4))  # how many times smaller; how many pixels to each side a pixel is normalised about
GRAIN = 0.03  # deviation, in [-1, 1], below which there is nothing to compare
LARGEST = 2.0  # normalised difference beyond which the two do not show the same thing
STEADY = 0.2  # share of the flow's own differences in its roughness; the rest are differences of these
CLEAR = 4.0  # how sharply a ratio of distances becomes a probability
AROUND = 2  # cells to each side that distances are averaged over


def registration_loss(
    pictures: Float[Tensor, "n 3 h w"], truth: Float[Tensor, "n 3 h w"], weight: Float[Tensor, "n 1 h w"]
) -> Float[Tensor, " n"]:
    """The weighted mean difference of normalised luminance, averaged over three sizes: 0 = alike, of pictures.

    RGB in [-1, 1]. A picture of no weight has loss 0.
    """
    found, wanted = luminance(pictures), luminance(truth)
    parts = []
    for scale, reach in ABOUT:
        ours, theirs, counted = (F.avg_pool2d(x, scale) for x in (found, wanted, weight.float()))
        difference = (normalised(ours, reach) - normalised(theirs, reach)).abs().clamp_max(LARGEST) * counted
        parts.append(difference.mean(dim=(1, 2, 3)) / counted.mean(dim=(1, 2, 3)).clamp_min(1e-6))
    return torch.stack(parts).mean(dim=0)


def luminance(pictures: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1 h w"]:
    """Rec. 601."""
    return (pictures.float() * pictures.new_tensor(LUMINANCE)[:, None, None]).sum(dim=1, keepdim=True)


def normalised(plane: Float[Tensor, "b 1 h w"], reach: int) -> Float[Tensor, "b 1 h w"]:
    """Each pixel less the mean of its surroundings, `reach` pixels to each side, by their deviation."""
    mean = mean_about(plane, reach)
    variance = mean_about(plane.square(), reach) - mean.square()
    return (plane - mean) / (variance.clamp_min(0) + GRAIN**2).sqrt()


def mean_about(plane: Float[Tensor, "b c h w"], reach: int) -> Float[Tensor, "b c h w"]:
    """The mean of each pixel's surroundings, `reach` pixels to each side; the border is repeated."""
    padded = F.pad(plane, (reach, reach, reach, reach), mode="replicate")
    return F.avg_pool2d(padded, 2 * reach + 1, stride=1)


def flow_roughness(flow: Float[Tensor, "n 2 h w"]) -> Float[Tensor, ""]:
    """How unevenly a flow in sides of the picture bends and, less, how it stretches, in cells: 0 = all moves alike."""
    cells = flow.float() * flow.shape[-1]
    found = []
    for dim in (2, 3):
        steps = cells.diff(dim=dim)
        found += [STEADY * steps.abs().mean()] if steps.numel() else []
        found += [steps.diff(dim=dim).abs().mean()] if steps.shape[dim] > 1 else []
    return torch.stack(found).sum() if found else cells.sum() * 0


def confidence_loss(
    logits: Float[Tensor, "n 1 h w"], nearer: Float[Tensor, "n 1 h w"], weight: Float[Tensor, "n 1 h w"]
) -> Float[Tensor, ""]:
    """Cross-entropy of the confidence with the probability that a source is `nearer`, over cells of any weight."""
    losses = F.binary_cross_entropy_with_logits(logits.float(), nearer, reduction="none") * weight
    return losses.sum() / weight.sum().clamp_min(1)


def nearer(
    with_source: Sequence[Float[Tensor, "n _ _ _"]],
    without: Sequence[Float[Tensor, "n _ _ _"]],
    truth: Sequence[Float[Tensor, "n _ _ _"]],
    size: tuple[int, int],
) -> Float[Tensor, "n 1 {size[0]} {size[1]}"]:
    """The probability, for each cell of `size`, that a face with what a source shows is nearer the truth than without.

    Compared are features of a frozen network, each cell's to unit length as in LPIPS; equally near is 1/2.
    """
    first, second = (_distance(features, truth, size) for features in (with_source, without))
    return torch.sigmoid(CLEAR * ((second + 1e-4).log() - (first + 1e-4).log()))


def _distance(found: Sequence[Tensor], truth: Sequence[Tensor], size: tuple[int, int]) -> Float[Tensor, "n 1 h w"]:
    """The squared distance of each cell's features, summed over the maps and averaged over some cells."""
    maps = [
        (F.normalize(ours.float(), dim=1) - F.normalize(theirs.float(), dim=1)).square().sum(dim=1, keepdim=True)
        for ours, theirs in zip(found, truth, strict=True)
    ]
    total = torch.stack([F.interpolate(x, size=size, mode="bilinear", align_corners=False) for x in maps]).sum(dim=0)
    return mean_about(total, AROUND)
