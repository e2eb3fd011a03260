"""Discriminator of the adversarial loss (paper section 3.5 names none; method.md §8.3).

`patch` is the 70x70 PatchGAN (Isola et al. 2017), `snpatch` the SN-PatchGAN of free-form inpainting (Yu et al. 2019).
Both see the mask beside the picture and give raw logits, one for each patch, to a hinge loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from showface.errors import SettingError, unknown
from showface.layers.folding import folded

DiscriminatorKind = Literal["patch", "snpatch"]


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """What a `Discriminator` is built from."""

    kind: DiscriminatorKind = "patch"
    """Its layout, see the module's first lines."""
    width: int = 64
    """Channels of the first layer; the others grow with it."""
    spectral_norm: bool = True
    """Whether every convolution is spectrally normalised."""
    fold: int = 1
    """Side of the pixel blocks folded into channels at the input; 1 = none. A patch grows by as much."""

    def __post_init__(self) -> None:
        if self.kind not in get_args(DiscriminatorKind):
            raise SettingError(unknown("discriminator", self.kind, get_args(DiscriminatorKind)))
        if min(self.width, self.fold) < 1:
            raise SettingError(f"expected width and fold of at least 1, got {self.width} and {self.fold}; raise them")


class Discriminator(nn.Module):
    """Picture and mask to one logit for each patch, higher = more real."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        layers = _patch_layers(config) if config.kind == "patch" else _snpatch_layers(config)
        self.layers = nn.ModuleList(parametrizations.spectral_norm(x) if config.spectral_norm else x for x in layers)

    def forward(self, image: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b n h2 w2"]:
        """Logits; n is 1, in `snpatch` 4 * width. image: RGB [-1, 1], composited; mask: 1 = hole."""
        return self.features(image, mask)[-1]

    def features(
        self, image: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]
    ) -> list[Float[Tensor, "b _ _ _"]]:
        """What each layer gives, the last being the logits."""
        x = folded(torch.cat([image, mask], dim=1), self.config.fold)  # (b, 4 fold^2, h/fold, w/fold)
        found: list[Tensor] = []
        for layer in self.layers:
            x = layer(F.leaky_relu(found[-1], 0.2) if found else x)
            found.append(x)
        return found


def _patch_layers(config: DiscriminatorConfig) -> list[nn.Conv2d]:
    """4x4 convolutions without bias, three of stride 2 and two of stride 1."""
    widths = (4 * config.fold**2, config.width, 2 * config.width, 4 * config.width, 8 * config.width, 1)
    return [
        nn.Conv2d(inputs, outputs, 4, stride, padding=1, bias=False)
        for inputs, outputs, stride in zip(widths[:-1], widths[1:], (2, 2, 2, 1, 1), strict=True)
    ]


def _snpatch_layers(config: DiscriminatorConfig) -> list[nn.Conv2d]:
    """Six 5x5 convolutions of stride 2; every channel of the last is a logit."""
    widths = (4 * config.fold**2, *(config.width * times for times in (1, 2, 4, 4, 4, 4)))
    return [nn.Conv2d(inputs, outputs, 5, 2, padding=2) for inputs, outputs in pairwise(widths)]
