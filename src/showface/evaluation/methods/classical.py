"""What a learnt method has to beat: inpainting that learns nothing (Telea 2004; Bertalmio et al. 2001; and others).

All take RGB in 0..255 whose hidden pixels do not matter, and masks (True = hole).
"""

from __future__ import annotations

from importlib import import_module

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from showface.errors import MissingExtraError
from showface.layers.harmonic_fill import harmonic_fill

RADIUS = 3.0  # pixels around a point that OpenCV's methods take into account


def telea(images: UInt8[Tensor, "b 3 h w"], masks: Bool[Tensor, "b 1 h w"]) -> UInt8[Tensor, "b 3 h w"]:
    """The holes filled from their rims inwards by weighted means, as OpenCV has it; channel by channel."""
    return _with_opencv(images, masks, cv2.INPAINT_TELEA)


def navier_stokes(images: UInt8[Tensor, "b 3 h w"], masks: Bool[Tensor, "b 1 h w"]) -> UInt8[Tensor, "b 3 h w"]:
    """Lines of equal brightness continued into the holes as a fluid would flow, as OpenCV has it."""
    return _with_opencv(images, masks, cv2.INPAINT_NS)


def _with_opencv(
    images: UInt8[Tensor, "b 3 h w"], masks: Bool[Tensor, "b 1 h w"], how: int
) -> UInt8[Tensor, "b 3 h w"]:
    filled = [
        cv2.inpaint(np.ascontiguousarray(image), np.ascontiguousarray(hole.astype(np.uint8)), RADIUS, how)
        for image, hole in zip(_pixels(images), _holes(masks), strict=True)
    ]
    return _tensor(np.stack(filled))


def harmonic(images: UInt8[Tensor, "b 3 h w"], masks: Bool[Tensor, "b 1 h w"]) -> UInt8[Tensor, "b 3 h w"]:
    """A membrane spanned across the hole: the very fill that our coarse network may mix in, by itself."""
    return _levels(harmonic_fill(images.float(), masks.float()))


def biharmonic(images: UInt8[Tensor, "b 3 h w"], masks: Bool[Tensor, "b 1 h w"]) -> UInt8[Tensor, "b 3 h w"]:
    """A thin plate bent across the hole, as scikit-image has it. Slow beside the others: up to 0.3 s a picture."""
    try:
        restoration = import_module("skimage.restoration")
    except ModuleNotFoundError as error:
        raise MissingExtraError("biharmonic needs scikit-image: pip install 'showface[evaluate]'") from error
    filled = [
        restoration.inpaint_biharmonic(image.astype(np.float64), hole, channel_axis=-1)
        for image, hole in zip(_pixels(images), _holes(masks), strict=True)
    ]
    return _levels(torch.from_numpy(np.stack(filled)).permute(0, 3, 1, 2))


def _pixels(images: UInt8[Tensor, "b 3 h w"]) -> UInt8[np.ndarray, "b h w 3"]:
    pixels: UInt8[np.ndarray, "b h w 3"] = images.cpu().permute(0, 2, 3, 1).numpy()
    return pixels


def _holes(masks: Bool[Tensor, "b 1 h w"]) -> Bool[np.ndarray, "b h w"]:
    holes: Bool[np.ndarray, "b h w"] = masks.cpu()[:, 0].numpy()
    return holes


def _tensor(pixels: UInt8[np.ndarray, "b h w 3"]) -> UInt8[Tensor, "b 3 h w"]:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


def _levels(values: Float[Tensor, "b 3 h w"]) -> UInt8[Tensor, "b 3 h w"]:
    """0..255 with fractions, clipped and rounded."""
    return values.round().clamp(0, 255).to(torch.uint8)
