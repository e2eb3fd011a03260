"""The structural similarity of two pictures, place by place (Wang et al. 2004): what metric and loss share.

Gaussian window of 11 x 11 pixels, sigma 1.5, K1 = 0.01, K2 = 0.03, each channel by itself, over the region in which the
whole window lies inside the picture.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03


def structural_similarity(
    x: Float[Tensor, "b c h w"], y: Float[Tensor, "b c h w"], *, length: int | float
) -> Float[Tensor, "b c h-10 w-10"]:
    """At most 1, where the pictures are alike; `length` is the span of their values, 255 or 2 for instance.

    Both sides need at least 11 pixels.
    """
    c1, c2 = (K1 * length) ** 2, (K2 * length) ** 2
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x = _blur(x * x) - mean_x * mean_x
    variance_y = _blur(y * y) - mean_y * mean_y
    covariance = _blur(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + c1) / (mean_x * mean_x + mean_y * mean_y + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return luminance * structure


def _blur(values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h-10 w-10"]:
    """The Gaussian mean around every pixel whose window lies inside the picture."""
    height, width = values.shape[2:]
    return _windows(height, like=values) @ values @ _windows(width, like=values).T


def _windows(length: int, *, like: Tensor) -> Float[Tensor, "{length}-10 {length}"]:
    """Each row holds the window's weights at one place of a line of `length` pixels.

    Two products with such matrices take a third of the time of a grouped convolution on a CPU.
    """
    offset = torch.arange(length, device=like.device) - torch.arange(length - WINDOW + 1, device=like.device)[:, None]
    weights = torch.exp((offset - WINDOW // 2).to(like.dtype).square() / (-2 * SIGMA**2))
    inside = weights * ((offset >= 0) & (offset < WINDOW))
    return inside / inside.sum(dim=1, keepdim=True)
