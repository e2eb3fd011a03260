"""How sharp the filled part is beside the true one: 1 as sharp, 0.5 half as sharp, above 1 sharper or noisy."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)  # of R, G, B (ITU-R BT.601)
FLAT = 0.5  # levels per pixel; below it the truth in the hole is as good as plain, and no ratio says anything


def gradient_inside(pictures: UInt8[Tensor, "b 3 h w"], masks: Bool[Tensor, "b 1 h w"]) -> Float[Tensor, " b"]:
    """The mean length of the luminance's gradient over the pixels of each hole, in levels (of 255) per pixel.

    Central differences, within the whole picture: at the hole's rim pixels outside it take part.
    """
    luma = torch.einsum("bchw,c->bhw", pictures.double(), torch.tensor(LUMA, dtype=torch.float64))
    down, across = torch.gradient(luma, dim=(1, 2))
    length = torch.hypot(down, across).unsqueeze(1)
    return (length * masks).sum(dim=(1, 2, 3)) / masks.sum(dim=(1, 2, 3))


def sharpness(inside: Float[Tensor, " b"], truth: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    """The ratio of two `gradient_inside`, picture by picture; NaN where the truth is flat (below `FLAT`)."""
    return torch.where(truth >= FLAT, inside / truth.clamp(min=FLAT), torch.nan)
