"""Total variation loss (Liu et al. 2018, equation 6): smooth inside the hole and across its border, nowhere else."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from showface.masks import dilate_by_one


def total_variation_loss(completed: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]) -> Float[Tensor, ""]:
    """Absolute differences of neighbours that both lie in the hole grown by one pixel (mask 1 = hole).

    `completed` is the composite, in [-1, 1]. The sum is divided by the number of all its elements.
    """
    image, region = completed.float(), dilate_by_one(mask.float())
    down = (image[:, :, 1:] - image[:, :, :-1]).abs() * (region[:, :, 1:] * region[:, :, :-1])  # (b, 3, h-1, w)
    right = (image[..., 1:] - image[..., :-1]).abs() * (region[..., 1:] * region[..., :-1])  # (b, 3, h, w-1)
    return (down.sum() + right.sum()) / image.numel()
