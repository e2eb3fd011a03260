"""The peak signal-to-noise ratio (paper section 4; method.md §9)."""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

IDENTICAL = 100.0  # dB given to a picture that equals the truth, for which the ratio is infinite


def psnr(picture: UInt8[Tensor, "b 3 h w"], truth: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, " b"]:
    """10 log10(255² / mean squared error) in dB, of each picture by itself, over RGB in 0..255.

    At most `IDENTICAL`. No other pictures come near it: one level of error in one channel of a 256 px face is 101 dB,
    so only equal, or all but equal, pictures are capped.
    """
    error = (picture.double() - truth.double()).square().mean(dim=(1, 2, 3))
    return torch.log10(255**2 / error).mul(10).clamp(max=IDENTICAL)
