"""Pixels folded into channels and back: a network at a quarter of the resolution sees every pixel of the full one.

A row of a cell's pixels is moved in one piece, as one value of as many bytes, where no gradient has to come through.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor

from showface.errors import SettingError

ONE_VALUE = {8: torch.complex64, 16: torch.complex128}  # bytes of what is moved in one piece; never computed with


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
    if pixels_first:  # with its channels beside it a pixel is in one piece, and so is a row of them
        rows = x.contiguous(memory_format=torch.channels_last)
        cells = rows.reshape(b, c, h // fold, fold, w // fold, fold).permute(0, 2, 4, 3, 5, 1)
    else:
        rows = _in_pieces(x, fold)
        cells = rows.reshape(b, c, h // fold, fold, w // fold, rows.shape[3] // (w // fold)).permute(0, 2, 4, 1, 3, 5)
    return _apart(cells, x.dtype).reshape(b, h // fold, w // fold, c * fold**2).permute(0, 3, 1, 2)


def unfolded(x: Float[Tensor, "b c h w"], fold: int) -> Float[Tensor, "b c//{fold}//{fold} h*{fold} w*{fold}"]:
    """The values of `F.pixel_shuffle`, which is slow where `x` is in channels_last order."""
    if fold == 1 or torch.compiler.is_compiling():
        return F.pixel_shuffle(x, fold)
    b, c, h, w = x.shape
    rows = _in_pieces(x.permute(0, 2, 3, 1), fold)
    cells = rows.reshape(b, h, w, c // fold**2, fold, rows.shape[3] * fold // c)
    return _apart(cells.permute(0, 3, 1, 4, 2, 5), x.dtype).reshape(b, c // fold**2, h * fold, w * fold)


def _in_pieces(x: Shaped[Tensor, "*shape w"], length: int) -> Shaped[Tensor, "*shape w2"]:
    """Each `length` neighbours of the last axis as one value; `x` itself where that cannot be."""
    size = length * x.element_size()
    if size not in ONE_VALUE or (torch.is_grad_enabled() and x.requires_grad):
        return x
    x = x.contiguous()
    if x.storage_offset() % length or any(stride % length for stride in x.stride()[:-1]):  # of axes of size 1, too
        return x
    return x.view(ONE_VALUE[size])


def _apart(pieces: Shaped[Tensor, "*shape w"], dtype: torch.dtype) -> Shaped[Tensor, "*shape w2"]:
    """The values that `_in_pieces` put together."""
    return pieces if pieces.dtype == dtype else pieces.contiguous().view(dtype)
