"""The structural similarity (Wang et al. 2004; paper section 4; method section 9).

Gaussian window of 11 x 11 pixels, sigma 1.5, K1 = 0.01, K2 = 0.03, L = 255, each of R, G and B by itself, averaged over
the region in which the whole window lies inside the picture. This is `skimage.metrics.structural_similarity` with
`gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, channel_axis=-1`.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from showface.errors import ImageError

WINDOW, SIGMA = 11, 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def ssim(picture: UInt8[Tensor, "b 3 h w"], truth: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, " b"]:
    """The mean structural similarity of each picture with its truth, at most 1; RGB in 0..255."""
    if min(picture.shape[2:]) < WINDOW:
        height, width = picture.shape[2:]
        raise ImageError(f"SSIM needs pictures of at least {WINDOW} x {WINDOW} pixels, found {height} x {width}")
    x, y = picture.double(), truth.double()
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x = _blur(x * x) - mean_x * mean_x
    variance_y = _blur(y * y) - mean_y * mean_y
    covariance = _blur(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + C1) / (mean_x * mean_x + mean_y * mean_y + C1)
    structure = (2 * covariance + C2) / (variance_x + variance_y + C2)
    return (luminance * structure).mean(dim=(1, 2, 3))


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
