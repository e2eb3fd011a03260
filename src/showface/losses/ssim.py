"""SSIM loss (Wang et al. 2004; beside L1 as Zhao et al. 2017). Not in the paper: off unless a recipe asks for it."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from showface.features.structural_similarity import structural_similarity


def ssim_loss(
    completed: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]
) -> Float[Tensor, ""]:
    """1 - SSIM of the composite `completed` with `truth` (both [-1, 1]) for each share of hole (mask 1 = hole).

    Each picture's mean is divided by the part of it that is hidden, so that all holes weigh alike; one without a hole
    counts as 0. Both sides need at least 11 pixels.
    """
    with torch.autocast(completed.device.type, enabled=False):
        unit = (completed.float() + 1) / 2, (truth.float() + 1) / 2  # the luminance term takes black for 0
        alike = structural_similarity(*unit, length=1).mean(dim=(1, 2, 3))  # (b,)
    return mean_by_hole(1 - alike, mask)


def mean_by_hole(losses: Float[Tensor, " b"], mask: Float[Tensor, "b 1 h w"]) -> Float[Tensor, ""]:
    """The mean of whole pictures' `losses`, each divided by the part that is hidden; one without a hole counts as 0."""
    share = mask.float().mean(dim=(1, 2, 3))
    mean: Tensor = (losses / share.clamp_min(1e-3) * (share > 0)).mean()
    return mean
