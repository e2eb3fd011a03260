"""Faces as they are measured, uint8 in 0..255, and as networks see them, in [-1, 1]."""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from showface.images import from_unit, to_uint8


def as_signal(images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """0..255 to [-1, 1]."""
    return from_unit(images.float() / 255)


def as_levels(images: Float[Tensor, "b 3 h w"]) -> UInt8[Tensor, "b 3 h w"]:
    """[-1, 1] to 0..255, clipped and rounded."""
    return torch.from_numpy(to_uint8(images)).permute(0, 3, 1, 2)
