"""The network behind LPIPS 0.1 (Zhang et al. 2018): a trunk's activations and one learned weight for each channel.

The distance is the sum over five layers of the mean over places of sum_c w_c (x_c - y_c)², where x and y are
activations divided by their length over the channels. All weights are at least 0, so this is the squared Euclidean
distance of two long vectors, which depend on one picture each: the vector of a truth can be kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from showface import assets
from showface.errors import ImageError, SettingError, WeightsError, unknown
from showface.features.alexnet import WIDTHS, AlexNet
from showface.features.arrays import entry
from showface.features.vgg16 import BLOCKS, VGG16

ASSET = {"alex": "alexnet-lpips", "vgg": "vgg16-lpips"}
CHANNELS = {"alex": WIDTHS, "vgg": tuple(widths[-1] for widths in BLOCKS)}
VGG_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
SMALLEST = {"alex": 31, "vgg": 16}  # pixels; the deepest layer must have a place
EPSILON = 1e-10  # added to the length of an activation


class LPIPSNetwork(nn.Module):
    """Pictures to vectors whose squared Euclidean distance is LPIPS."""

    def __init__(self, trunk: AlexNet | VGG16, weights: list[Float[Tensor, " _"]]) -> None:
        """`weights`: for each activation that `trunk` returns, one weight per channel, at least 0."""
        super().__init__()
        if any((weight < 0).any() for weight in weights):
            raise WeightsError("expected LPIPS weights of at least 0, found a negative one")
        self.trunk = trunk
        self.smallest = SMALLEST["alex" if isinstance(trunk, AlexNet) else "vgg"]
        for i, weight in enumerate(weights):
            self.register_buffer(f"root{i}", weight.sqrt().view(1, -1, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    @classmethod
    def pretrained(cls, trunk: str = "alex") -> LPIPSNetwork:
        """With the published weights of version 0.1, fetched once by `showface.assets`; `trunk` is "alex" or "vgg"."""
        return cls.from_arrays(trunk, assets.load_arrays(assets.path(asset_of(trunk))))

    @classmethod
    def from_arrays(cls, trunk: str, arrays: Mapping[str, Any]) -> LPIPSNetwork:
        """With the trunk's arrays and `arrays["NetLinLayer_<i>"]["Conv_0"]["kernel"]`, (1, 1, channels, 1)."""
        asset_of(trunk)  # refuses others
        weights = [entry(arrays, f"NetLinLayer_{i}", "Conv_0", "kernel").flatten() for i in range(5)]
        for weight, channels in zip(weights, CHANNELS[trunk], strict=True):
            if len(weight) != channels:
                raise WeightsError(f"LPIPS {trunk}: expected {channels} weights of a layer, got {len(weight)}")
        if trunk == "alex":
            return cls(AlexNet.from_arrays(arrays), weights)
        return cls(VGG16.from_arrays(arrays, layers=VGG_LAYERS), weights)

    @torch.no_grad()
    def forward(self, pictures: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b n"]:
        """The vectors of `pictures`, RGB in 0..255; n depends on their size. Computed where the network is.

        Raises `ImageError` if they are too small for the trunk.
        """
        height, width = pictures.shape[2:]
        if min(height, width) < self.smallest:
            raise ImageError(f"LPIPS needs pictures of at least {self.smallest} px, found {height} x {width}")
        activations = self.trunk(pictures.to(self.get_buffer("root0").device).float() / 255)
        return torch.cat([self._weighted(i, x).flatten(1) for i, x in enumerate(activations)], dim=1)

    def _weighted(self, layer: int, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Unit length over the channels, then the root of each one's weight and of one place's share."""
        length = x.square().sum(dim=1, keepdim=True).sqrt() + EPSILON
        weighted: Tensor = x / length * (self.get_buffer(f"root{layer}") / (x.shape[2] * x.shape[3]) ** 0.5)
        return weighted


def asset_of(trunk: str) -> str:
    """The name of the asset with a trunk's weights; others than "alex" and "vgg" are refused."""
    if trunk not in ASSET:
        raise SettingError(unknown("LPIPS trunk", trunk, ASSET))
    return ASSET[trunk]
