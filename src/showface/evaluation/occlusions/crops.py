"""What is looked at closely: the square round each part of a hole, brought to one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, UInt8
from torch import Tensor

from showface.occluders.parts import connected_parts

SIDE = 128  # pixels of a crop
LEAST = 64 / 256  # side of a square at least, in sides of the picture
ISLAND = 0.1  # of the largest part's pixels: smaller parts get no crop of their own


@dataclass(frozen=True)
class Square:
    """A square of a picture, in pixels."""

    left: int
    top: int
    side: int


def squares_round(hole: Bool[np.ndarray, "size size"]) -> list[Square]:
    """The square round each connected part of `hole`, the leftmost first, wholly inside the picture.

    Each is as large as its part's longer side, at least a quarter of the picture's, so that some of the face around
    it can be seen. Islands below a tenth of the largest part are left out.
    """
    parts = connected_parts(hole)
    kept = [part for part in parts if part.sum() >= ISLAND * parts[0].sum()]
    return sorted((square_round(part, LEAST) for part in kept), key=lambda square: (square.left, square.top))


def square_round(part: Bool[np.ndarray, "size size"], least: float, *, margin: float = 0.0) -> Square:
    """The square round all of `part`, moved inside the picture; its side is `least` sides of the picture at least.

    `margin` is what is added to the part's longer side, as a share of it.
    """
    size, (ys, xs) = len(part), np.nonzero(part)
    longer = max(int(np.ptp(xs)) + 1, int(np.ptp(ys)) + 1)
    side = min(max(round((1 + margin) * longer), round(least * size)), size)
    left, top = ((int(places.min()) + int(places.max()) + 1 - side) // 2 for places in (xs, ys))
    return Square(min(max(left, 0), size - side), min(max(top, 0), size - side), side)


def cut_out(
    picture: UInt8[Tensor, "3 size size"], squares: Sequence[Square], side: int = SIDE
) -> UInt8[Tensor, "n 3 {side} {side}"]:
    """The `squares` of a picture, each brought to `side` pixels: bicubic, antialiased where it shrinks."""
    return torch.stack([_resized(_part(picture, square), side) for square in squares])


def _part(picture: UInt8[Tensor, "3 size size"], square: Square) -> UInt8[Tensor, "3 s s"]:
    return picture[:, square.top : square.top + square.side, square.left : square.left + square.side]


def _resized(crop: UInt8[Tensor, "3 s s"], side: int) -> UInt8[Tensor, "3 {side} {side}"]:
    if crop.shape[-1] == side:
        return crop
    levels = F.interpolate(crop[None].float(), size=(side, side), mode="bicubic", antialias=True)[0]
    return levels.clamp(0, 255).round().to(torch.uint8)
