"""The L1 error in per cent (paper section 4, "L1(%)"; method.md §9)."""

from __future__ import annotations

from jaxtyping import Float, UInt8
from torch import Tensor


def l1(picture: UInt8[Tensor, "b 3 h w"], truth: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, " b"]:
    """100 * mean |picture - truth| / 255 over all pixels and channels of each picture; RGB in 0..255."""
    return (picture.double() - truth.double()).abs().mean(dim=(1, 2, 3)) * (100 / 255)
