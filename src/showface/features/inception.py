"""Inception-v3 of 2015 (Szegedy et al. 2016) up to its last pooling, frozen, for FID and KID.

The structure is written here; the weights come from a TorchScript file. They were trained in another framework, whose
ways stay: averages over 3 x 3 cells do not count the zeros around the picture, and the last block pools by maximum.
Batch normalisation is folded into the convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from showface import assets
from showface.errors import WeightsError
from showface.features.torchscript import read_tensors

SIDE = 299  # pixels
LENGTH = 2048
EPSILON = 1e-3  # of the batch normalisation


class InceptionFeatures(nn.Module):
    """The 2,048 features "pool3" of pictures, as FID is defined on them."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            Convolution(3, 32, 3, stride=2),
            Convolution(32, 32, 3),
            Convolution(32, 64, 3, padding=1),
            nn.MaxPool2d(3, stride=2),
            Convolution(64, 80, 1),
            Convolution(80, 192, 3),
            nn.MaxPool2d(3, stride=2),
            block_35(192, pooled=32),
            block_35(256, pooled=64),
            block_35(288, pooled=64),
            reduction_to_17(288),
            block_17(768, width=128),
            block_17(768, width=160),
            block_17(768, width=160),
            block_17(768, width=192),
            reduction_to_8(768),
            block_8(1280, pool=average_pool()),
            block_8(2048, pool=nn.MaxPool2d(3, stride=1, padding=1)),
            nn.AvgPool2d(8),
            nn.Flatten(),
        )
        self.requires_grad_(False).eval()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # 40 % less time on a CPU

    @classmethod
    def pretrained(cls) -> InceptionFeatures:
        """With the published weights, fetched once by `showface.assets`."""
        return cls.from_state(read_tensors(assets.path("inception")))

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> InceptionFeatures:
        """With `weight`, `beta`, `mean`, `var` of every convolution, in the order in which they stand in `state`."""
        network = cls()
        convolutions = [module for module in network.modules() if isinstance(module, Convolution)]
        names = [name.removesuffix(".weight") for name in state if name.endswith(".weight")]
        if len(names) != len(convolutions):
            raise WeightsError(f"Inception: expected {len(convolutions)} convolutions, got {len(names)}")
        for name, convolution in zip(names, convolutions, strict=True):
            convolution.load(state, name)
        return network

    @torch.no_grad()
    def forward(self, pictures: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b 2048"]:
        """Features of `pictures`, RGB in 0..255, of any size; computed where the network is."""
        device = next(self.parameters()).device
        signal = to_signal(pictures.to(device)).contiguous(memory_format=torch.channels_last)
        features: Tensor = self.trunk(signal)
        return features


def to_signal(pictures: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 299 299"]:
    """0..255 to [-1, 1] at 299 x 299, as pytorch-fid: bilinear, half-pixel centres, no antialiasing."""
    unit = F.interpolate(pictures.float() / 255, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    return unit * 2 - 1


# ---------------------------------------------------------------------------------------------- blocks


class Convolution(nn.Conv2d):
    """A convolution without bias, batch normalisation without scale, ReLU; the first two are one."""

    def load(self, state: Mapping[str, Tensor], name: str) -> None:
        """Take `name`'s weight, divided by the deviation of what it gives, and the bias that follows from it."""
        try:
            weight, beta, mean, var = (state[f"{name}.{part}"].double() for part in ("weight", "beta", "mean", "var"))
        except KeyError as missing:
            raise WeightsError(
                f"Inception: expected weight, beta, mean and var of {name}, {missing} is missing"
            ) from None
        if weight.shape != self.weight.shape:
            raise WeightsError(
                f"Inception {name}: expected shape {tuple(self.weight.shape)}, got {tuple(weight.shape)}"
            )
        scale = (var + EPSILON).rsqrt()
        self.weight.data.copy_(weight * scale.view(-1, 1, 1, 1))
        assert self.bias is not None
        self.bias.data.copy_(beta - mean * scale)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b _ _ _"]:
        return F.relu(super().forward(x))


class Branches(nn.Module):
    """The results of several ways through a block, one behind the other in the channels."""

    def __init__(self, *ways: nn.Module) -> None:
        super().__init__()
        self.ways = nn.ModuleList(ways)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b _ _ _"]:
        return torch.cat([way(x) for way in self.ways], dim=1)


def average_pool() -> nn.AvgPool2d:
    """The mean of the 3 x 3 cells around each cell, of those that lie inside."""
    return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)


def block_35(channels: int, *, pooled: int) -> Branches:
    """At 35 x 35 cells: 224 + `pooled` channels."""
    return Branches(
        Convolution(channels, 64, 1),
        nn.Sequential(Convolution(channels, 48, 1), Convolution(48, 64, 5, padding=2)),
        nn.Sequential(
            Convolution(channels, 64, 1), Convolution(64, 96, 3, padding=1), Convolution(96, 96, 3, padding=1)
        ),
        nn.Sequential(average_pool(), Convolution(channels, pooled, 1)),
    )


def reduction_to_17(channels: int) -> Branches:
    """35 x 35 to 17 x 17 cells; 480 channels and those that came in."""
    return Branches(
        Convolution(channels, 384, 3, stride=2),
        nn.Sequential(
            Convolution(channels, 64, 1), Convolution(64, 96, 3, padding=1), Convolution(96, 96, 3, stride=2)
        ),
        nn.MaxPool2d(3, stride=2),
    )


def block_17(channels: int, *, width: int) -> Branches:
    """At 17 x 17 cells: 768 channels, with lines of seven cells in place of squares."""
    return Branches(
        Convolution(channels, 192, 1),
        nn.Sequential(Convolution(channels, width, 1), row(width, width), column(width, 192)),
        nn.Sequential(
            Convolution(channels, width, 1),
            column(width, width),
            row(width, width),
            column(width, width),
            row(width, 192),
        ),
        nn.Sequential(average_pool(), Convolution(channels, 192, 1)),
    )


def reduction_to_8(channels: int) -> Branches:
    """17 x 17 to 8 x 8 cells; 512 channels and those that came in."""
    return Branches(
        nn.Sequential(Convolution(channels, 192, 1), Convolution(192, 320, 3, stride=2)),
        nn.Sequential(
            Convolution(channels, 192, 1), row(192, 192), column(192, 192), Convolution(192, 192, 3, stride=2)
        ),
        nn.MaxPool2d(3, stride=2),
    )


def block_8(channels: int, *, pool: nn.Module) -> Branches:
    """At 8 x 8 cells: 2,048 channels."""
    return Branches(
        Convolution(channels, 320, 1),
        nn.Sequential(Convolution(channels, 384, 1), Branches(row(384, 384, 3), column(384, 384, 3))),
        nn.Sequential(
            Convolution(channels, 448, 1),
            Convolution(448, 384, 3, padding=1),
            Branches(row(384, 384, 3), column(384, 384, 3)),
        ),
        nn.Sequential(pool, Convolution(channels, 192, 1)),
    )


def row(channels: int, out: int, length: int = 7) -> Convolution:
    """A line of cells side by side."""
    return Convolution(channels, out, (1, length), padding=(0, length // 2))


def column(channels: int, out: int, length: int = 7) -> Convolution:
    """A line of cells above each other."""
    return Convolution(channels, out, (length, 1), padding=(length // 2, 0))
