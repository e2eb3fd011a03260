"""Loss on a pattern that repeats every few pixels: the trace of a pixel shuffle at the output.

Not in the paper: off unless a recipe asks for it. Perceptual losses reward texture of the right strength wherever it
is, and for an output layer that writes cells of pixels the cheapest texture is the same in every cell.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from showface.losses.ssim import mean_by_hole

CELLS = 6  # side of the windows over which a pattern is looked for


def pattern_loss(
    completed: Float[Tensor, "b 3 h w"],
    truth: Float[Tensor, "b 3 h w"],
    mask: Float[Tensor, "b 1 h w"],
    *,
    period: int = 4,
) -> Float[Tensor, ""]:
    """Mean square of what the error of the composite `completed` (both [-1, 1]) repeats in every cell of `period` px.

    The high-passed error is averaged, pixel of the cell by pixel of the cell, over windows of 6 x 6 cells (or as many
    as there are), half of them shared with the next one; what differs between those pixels is the pattern. A texture
    that is merely in the wrong place averages out. Each picture's mean is divided by the part of it that is hidden
    (mask 1 = hole), so that all holes weigh alike; one without a hole counts as 0. Both sides need at least one cell;
    up to two cells at the right and lower edge are in no window.
    """
    with torch.autocast(completed.device.type, enabled=False):
        error = completed.float() - truth.float()
        detail = error - F.avg_pool2d(F.pad(error, (period // 2,) * 4, mode="replicate"), period // 2 * 2 + 1, 1)
        height, width = (side // period * period for side in detail.shape[2:])
        pixels = F.pixel_unshuffle(detail[:, :, :height, :width], period)  # (b, 3 period^2, h/period, w/period)
        side = min(CELLS, *pixels.shape[2:])
        cell = F.avg_pool2d(pixels, side, max(1, side // 2)).unflatten(1, (3, period**2))
        pattern = cell - cell.mean(dim=2, keepdim=True)
        strength = pattern.square().mean(dim=(1, 2, 3, 4))  # (b,)
    return mean_by_hole(strength, mask)
