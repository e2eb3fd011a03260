"""Discriminator on frozen features (Projected GAN, Sauer et al. 2021), not in the paper.

What a frozen network sees at several scales is mixed across channels and scales by random convolutions that nothing
trains, so that no head can rest on the few features that tell the pictures apart most easily. Each scale has a small
head of its own, which gives raw logits, one for each cell, to a hinge loss.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from showface.errors import SettingError


@dataclass(frozen=True, kw_only=True)
class ProjectedDiscriminatorConfig:
    """What a `ProjectedDiscriminator` is built from; maps are named finest first."""

    channels: tuple[int, ...] = (24, 40, 112, 320)
    """Channels of each feature map; these are EfficientNet-Lite0's."""
    sizes: tuple[float, ...] = (11.4, 10.0, 7.5, 2.5)
    """What each map is divided by, so that scales mix evenly and logits begin below 1: the root mean square of its
    features, here over faces of CelebA-HQ."""
    width: int = 64
    """Channels that every map is projected to."""
    heads: tuple[int, ...] = (64, 96, 96, 48)
    """Hidden channels of each map's head; the first decides the cost, it has the most cells."""
    seed: int = 0
    """Of the random projections, which are the same in every run."""

    def __post_init__(self) -> None:
        counts = {len(self.channels), len(self.sizes), len(self.heads)}
        if len(counts) != 1 or 0 in counts:
            raise SettingError(
                "expected one number for each feature map, "
                f"got channels {self.channels}, sizes {self.sizes} and heads {self.heads}"
            )
        if min(*self.channels, *self.heads, self.width) < 1 or min(self.sizes) <= 0:
            raise SettingError(
                "expected channels of at least 1 and sizes above 0, "
                f"got channels {self.channels}, width {self.width}, heads {self.heads} and sizes {self.sizes}"
            )


class ProjectedDiscriminator(nn.Module):
    """Feature maps to one logit for each of their cells, higher = more real."""

    def __init__(self, config: ProjectedDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        generator = torch.Generator().manual_seed(config.seed)
        for scale, (channels, size) in enumerate(zip(config.channels, config.sizes, strict=True)):
            self.register_buffer(f"mixing_{scale}", _projection(config.width, channels, 1, generator) / size)
            self.register_buffer(f"spreading_{scale}", _projection(config.width, config.width, 3, generator))
        self.heads = nn.ModuleList(_head(config.width, hidden) for hidden in config.heads)

    def forward(self, features: Sequence[Float[Tensor, "b _ _ _"]]) -> list[Float[Tensor, "b 1 _ _"]]:
        """Logits of each map, of the same size. `features`: finest first, with the channels of the configuration."""
        return [head(x) for head, x in zip(self.heads, self.projected(features), strict=True)]

    def projected(self, features: Sequence[Float[Tensor, "b _ _ _"]]) -> list[Float[Tensor, "b n _ _"]]:
        """The maps mixed across channels and, from the coarsest to the finest, across scales; no step is trained."""
        found: list[Tensor] = []
        for scale, feature in reversed(tuple(enumerate(features))):
            x = F.conv2d(feature, self.get_buffer(f"mixing_{scale}"))  # (b, n, h, w)
            if found:
                x = x + F.interpolate(found[-1], size=x.shape[2:], mode="bilinear")
            found.append(F.conv2d(x, self.get_buffer(f"spreading_{scale}"), padding=1))
        return found[::-1]


def _projection(outputs: int, inputs: int, side: int, generator: torch.Generator) -> Float[Tensor, "o i k k"]:
    """A random kernel that keeps the variance of what it is given."""
    kernel = torch.randn(outputs, inputs, side, side, generator=generator)
    return kernel / math.sqrt(inputs * side * side)


def _head(width: int, hidden: int) -> nn.Sequential:
    layers = nn.Conv2d(width, hidden, 3, padding=1), nn.Conv2d(hidden, hidden, 3, padding=1), nn.Conv2d(hidden, 1, 1)
    first, second, last = (parametrizations.spectral_norm(layer) for layer in layers)
    return nn.Sequential(first, nn.LeakyReLU(0.2), second, nn.LeakyReLU(0.2), last)
