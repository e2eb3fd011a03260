"""The learned perceptual distance LPIPS, version 0.1 (Zhang et al. 2018; method.md §9)."""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float, UInt8
from torch import Tensor

Extractor = Callable[[UInt8[Tensor, "b 3 h w"]], Float[Tensor, "b n"]]
"""From pictures, RGB in 0..255, to one vector each: a network of `showface.features` or a `FeatureCache` of one."""


def lpips(
    picture: UInt8[Tensor, "b 3 h w"],
    truth: UInt8[Tensor, "b 3 h w"],
    network: Extractor,
    *,
    truth_network: Extractor | None = None,
) -> Float[Tensor, " b"]:
    """LPIPS of each picture and its truth, 0 for equal ones; RGB in 0..255. On the pictures' device.

    `network` is an `LPIPSNetwork`; `truth_network` gives the truth's vectors instead, where they may be known already.
    """
    difference = network(picture) - (truth_network or network)(truth)
    return difference.square().sum(dim=1).double().to(picture.device)
