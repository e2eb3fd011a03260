"""AlexNet's convolutional trunk (Krizhevsky 2014, "one weird trick"), frozen, for LPIPS.

The structure is written here; the weights are arrays in JAX layout: `AlexNet_0/Conv_<i>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from showface import assets
from showface.features.arrays import load_convolutions
from showface.features.imagenet import ImageNetNorm

WIDTHS = (64, 192, 384, 256, 256)
POOLED = (1, 2)  # convolutions before which there is max-pooling of 3 x 3, stride 2


class AlexNet(nn.Module):
    """The five activations "relu1" to "relu5". Parameters take no gradient; the input does."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = ImageNetNorm()
        self.convolutions = nn.ModuleList(
            (
                nn.Conv2d(3, WIDTHS[0], 11, stride=4, padding=2),
                nn.Conv2d(WIDTHS[0], WIDTHS[1], 5, padding=2),
                *(nn.Conv2d(c_in, c_out, 3, padding=1) for c_in, c_out in pairwise(WIDTHS[1:])),
            )
        )
        self.requires_grad_(False).eval()

    @classmethod
    def pretrained(cls) -> AlexNet:
        """The trunk with its ImageNet weights, fetched once by `showface.assets`."""
        return cls.from_arrays(assets.load_arrays(assets.path("alexnet-lpips")))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> AlexNet:
        """The trunk with the weights `arrays["AlexNet_0"]["Conv_<i>"]["kernel" or "bias"]`."""
        trunk = cls()
        load_convolutions(trunk.convolutions, arrays, "AlexNet_0")
        return trunk

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b _ _ _"]]:
        """Activations of `image`, RGB in [0, 1], at least 31 pixels high and wide; ImageNet-normalised here."""
        x, found = self.norm(image), []
        for i, convolution in enumerate(self.convolutions):
            if i in POOLED:
                x = F.max_pool2d(x, 3, stride=2)
            x = F.relu(convolution(x))
            found.append(x)
        return found
