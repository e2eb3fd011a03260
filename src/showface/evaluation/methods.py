"""The methods that are compared, by name."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from showface.evaluation.baselines import telea
from showface.evaluation.runner import Method
from showface.images import from_unit, to_uint8
from showface.pipeline import FaceInpainter

BASELINES: dict[str, Method] = {"telea": telea}
NETWORKS = ("coarse", "full")  # need weights


def network_methods(inpainter: FaceInpainter) -> dict[str, Method]:
    """`coarse`, the coarse network alone, and `full`, the whole of MDRNets."""

    def coarse(images: UInt8[Tensor, "b 3 h w"], masks: Bool[Tensor, "b 1 h w"]) -> UInt8[Tensor, "b 3 h w"]:
        device = inpainter.device
        return as_levels(inpainter.network.complete_coarsely(as_signal(images).to(device), masks.float().to(device)))

    def full(images: UInt8[Tensor, "b 3 h w"], masks: Bool[Tensor, "b 1 h w"]) -> UInt8[Tensor, "b 3 h w"]:
        return as_levels(inpainter.complete(as_signal(images), masks.float()).completed)

    return {"coarse": coarse, "full": full}


def as_signal(images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """0..255 to [-1, 1]."""
    return from_unit(images.float() / 255)


def as_levels(images: Float[Tensor, "b 3 h w"]) -> UInt8[Tensor, "b 3 h w"]:
    """[-1, 1] to 0..255, clipped and rounded."""
    return torch.from_numpy(to_uint8(images)).permute(0, 3, 1, 2)
