"""The structural similarity (Wang et al. 2004; paper section 4; method.md §9).

Gaussian window of 11 x 11 pixels, sigma 1.5, K1 = 0.01, K2 = 0.03, L = 255, each of R, G and B by itself, averaged over
the region in which the whole window lies inside the picture. This is `skimage.metrics.structural_similarity` with
`gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, channel_axis=-1`.
"""

from __future__ import annotations

from jaxtyping import Float, UInt8
from torch import Tensor

from showface.errors import ImageError
from showface.features.structural_similarity import WINDOW, structural_similarity


def ssim(picture: UInt8[Tensor, "b 3 h w"], truth: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, " b"]:
    """The mean structural similarity of each picture with its truth, at most 1; RGB in 0..255."""
    if min(picture.shape[2:]) < WINDOW:
        height, width = picture.shape[2:]
        raise ImageError(f"SSIM needs pictures of at least {WINDOW} x {WINDOW} pixels, found {height} x {width}")
    return structural_similarity(picture.double(), truth.double(), length=255).mean(dim=(1, 2, 3))
