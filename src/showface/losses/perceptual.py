"""Perceptual loss (Johnson et al. 2016; L1 over layers of VGG16, pool1..3 in Liu et al. 2018, equation 4)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def perceptual_loss(
    features: Sequence[Float[Tensor, "b _ _ _"]], truth: Sequence[Float[Tensor, "b _ _ _"]]
) -> Float[Tensor, ""]:
    """The sum over layers of the mean absolute difference of `features` and those of the `truth`."""
    distances = [(ours.float() - theirs.float()).abs().mean() for ours, theirs in zip(features, truth, strict=True)]
    return torch.stack(distances).sum()
