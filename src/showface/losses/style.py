"""Style loss (Liu et al. 2018, equation 5; option: AdaIN's statistics, Huang and Belongie 2017).

The paper's citation is unreadable: Gram matrices are what its peers use, mean and deviation what reference [8] is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

StyleKind = Literal["gram", "adain"]

_EPS = 1e-5


def gram(features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c c"]:
    """Gram matrices divided by c*h*w, in float32; the division comes before the product, whose sum could overflow."""
    flat = features.float().flatten(2)  # (b, c, h*w)
    flat = flat * (flat.shape[1] * flat.shape[2]) ** -0.5
    with torch.autocast(device_type=flat.device.type, enabled=False):
        return torch.bmm(flat, flat.mT)


def moments(features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 2 c"]:
    """Mean and standard deviation of each channel over the picture, in float32."""
    flat = features.float().flatten(2)  # (b, c, h*w)
    deviation = (flat.var(dim=2, correction=0) + _EPS).sqrt()
    return torch.stack((flat.mean(dim=2), deviation), dim=1)


def style_loss(
    features: Sequence[Float[Tensor, "b _ _ _"]],
    truth: Sequence[Float[Tensor, "b _ _ _"]],
    *,
    kind: StyleKind = "gram",
) -> Float[Tensor, ""]:
    """The sum over layers of the mean absolute difference of the two pictures' statistics: "gram" or "adain"."""
    statistics = gram if kind == "gram" else moments
    distances = [
        (statistics(ours) - statistics(theirs)).abs().mean() for ours, theirs in zip(features, truth, strict=True)
    ]
    return torch.stack(distances).sum()
