"""Smoothing the borders of the 4 x 4 cells that the pixel shuffle leaves: finished weights before and after.

    python benchmarks/evening.py --data DATA/celebamask/val/images --masks DATA/masks/test [--limit 24] \
        [--weights compact=compact]

At every border of two cells inside the hole the excess of the step over the slopes beside it is taken back by a share.
"Bend" is how much more the filled part bends across borders than elsewhere, see `failures.grid`: 1 = no grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from changing import Complete, Masks, Signal, report_changes
from jaxtyping import Float
from torch import Tensor

from showface.masks import composite

CELL = 4
SHARES = ((0.14,), (0.25,), (0.1875, 0.0625), (0.375, 0.125))  # of the excess, for the first and second pixel


def evened(picture: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"], shares: tuple[float, ...]) -> Tensor:
    """`picture` with smoother borders of cells in the hole, first those side by side, then those above each other."""
    for turn in (lambda x: x, partial(torch.transpose, dim0=2, dim1=3)):
        rows = turn(picture).clone()
        after = torch.arange(CELL, rows.shape[3], CELL)  # the first column of each cell
        before = rows[..., after - 1] - rows[..., after - 2]
        beyond = rows[..., after + 1] - rows[..., after]
        excess = rows[..., after] - rows[..., after - 1] - (before + beyond) / 2
        for place, share in enumerate(shares):
            rows[..., after - 1 - place] += share * excess
            rows[..., after + place] -= share * excess
        picture = composite(picture, turn(rows), mask)
    return picture


def all_evened(complete: Complete, images: Signal, masks: Masks, made: Signal) -> Iterator[tuple[str, Signal]]:
    """`made`, evened by each of `SHARES`."""
    for shares in SHARES:
        yield " + ".join(map(str, shares)), evened(made, masks, shares)


if __name__ == "__main__":
    report_changes(__doc__ or "", "evening", all_evened)
