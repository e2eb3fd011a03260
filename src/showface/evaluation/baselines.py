"""What a learnt method has to beat: Telea's classical inpainting (Telea 2004), as OpenCV has it."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

TELEA_RADIUS = 3.0  # pixels around a point that are averaged to fill it


def telea(images: UInt8[Tensor, "b 3 h w"], masks: Bool[Tensor, "b 1 h w"]) -> UInt8[Tensor, "b 3 h w"]:
    """The holes (True) filled from their rims inwards; RGB in 0..255, which OpenCV treats channel by channel."""
    filled = [
        cv2.inpaint(
            np.ascontiguousarray(image.permute(1, 2, 0).numpy()),
            np.ascontiguousarray(mask[0].to(torch.uint8).numpy()),
            TELEA_RADIUS,
            cv2.INPAINT_TELEA,
        )
        for image, mask in zip(images.cpu(), masks.cpu(), strict=True)
    ]
    return torch.from_numpy(np.stack(filled)).permute(0, 3, 1, 2)
