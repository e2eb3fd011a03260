"""Pixels folded into channels: a network at a quarter of the resolution sees every pixel of the full one."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from showface.errors import SettingError


def folded(
    x: Float[Tensor, "b c h w"], fold: int, *, pixels_first: bool = False
) -> Float[Tensor, "b c*{fold}*{fold} h//{fold} w//{fold}"]:
    """The values of `F.pixel_unshuffle`, in channels_last order; height and width must be multiples of `fold`.

    A `fold` of 1 gives `x` itself. A channel's `fold` x `fold` pixels are beside each other, or with `pixels_first` a
    pixel's channels. Torch's own function leaves its result in an order that each convolution reading it would change
    once more.
    """
    if fold == 1:
        return x
    b, c, h, w = x.shape
    if h % fold or w % fold:
        raise SettingError(f"expected height and width in multiples of {fold}, got {h} x {w}; crop or resize first")
    if torch.compiler.is_compiling():  # a compiler orders memory itself
        x = F.pixel_unshuffle(x, fold)
        return x.unflatten(1, (-1, fold**2)).transpose(1, 2).flatten(1, 2) if pixels_first else x
    cells = x.reshape(b, c, h // fold, fold, w // fold, fold)
    cells = cells.permute(0, 2, 4, 3, 5, 1) if pixels_first else cells.permute(0, 2, 4, 1, 3, 5)
    return cells.reshape(b, h // fold, w // fold, c * fold**2).permute(0, 3, 1, 2)
