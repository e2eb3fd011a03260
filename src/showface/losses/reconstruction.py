"""Reconstruction loss (Liu et al. 2018, equation 3; METHOD's default family for the paper's section 3.5)."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """The two halves of the L1 distance; together they are the plain mean over the picture."""

    valid: Float[Tensor, ""]
    hole: Float[Tensor, ""]


def reconstruction_loss(
    raw: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]
) -> Reconstruction:
    """L1 of the network's `raw` output against `truth` (both [-1, 1]) outside and inside the hole (mask 1 = hole).

    Both are divided by the number of *all* elements, as in the authors' errata, so that a small hole weighs little.
    """
    distance = (raw.float() - truth.float()).abs()  # (b, 3, h, w)
    hole = mask.float()
    return Reconstruction(valid=(distance * (1 - hole)).mean(), hole=(distance * hole).mean())
