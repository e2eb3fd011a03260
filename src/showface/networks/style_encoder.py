"""Style encoder (paper section 3.2, Figure 2): the style feature maps F_s of the coarse face.

The layer list follows SEAN's encoder: a convolution, convolutions of stride 2, transposed convolutions that go part
of the way back, a convolution and tanh. With `fold = 4` the same list works on pixel-unshuffled input at a quarter of
the resolution, where it costs a CPU far less.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from showface.errors import SettingError
from showface.layers.folding import folded


@dataclass(frozen=True, kw_only=True)
class StyleEncoderConfig:
    """The defaults are the paper profile: SEAN's encoder, half resolution out."""

    fold: int = 1
    """Side of the pixel blocks folded into channels at the input; 1 = none."""
    widths: tuple[int, ...] = (32, 64, 128)
    """Channels of the first convolution, then of each convolution of stride 2."""
    up_widths: tuple[int, ...] = (256,)
    """Channels of each transposed convolution of stride 2."""
    channels: int = 256
    """Width c of the style feature maps, and so of every style vector; 512 is SEAN's."""
    norm: Literal["instance", "none"] = "instance"
    """Affine-free instance norm after every hidden convolution, or none, which keeps the global contrast."""

    def __post_init__(self) -> None:
        if min(self.fold, self.channels, *self.widths, *self.up_widths) < 1 or not self.widths:
            raise SettingError(f"style encoder: expected positive fold, channels and at least one width, got {self}")
        if len(self.up_widths) >= len(self.widths):
            raise SettingError(
                f"style encoder: {len(self.up_widths)} steps up need as many steps down, got {len(self.widths) - 1}; "
                "lengthen widths or shorten up_widths"
            )

    @property
    def stride(self) -> int:
        """Picture pixels per side of one feature cell."""
        return int(self.fold * 2 ** (len(self.widths) - 1 - len(self.up_widths)))


class StyleEncoder(nn.Module):
    """Face -> style feature maps in (-1, 1)."""

    def __init__(self, config: StyleEncoderConfig) -> None:
        super().__init__()
        self.config = config
        hidden = (*config.widths, *config.up_widths)
        bias = config.norm == "none"  # a norm would take it away again
        first = nn.Conv2d(3 * config.fold**2, hidden[0], 3, padding=1, padding_mode="reflect", bias=bias)
        layers = [first, *_normed(hidden[0], config)]
        for step, (before, width) in enumerate(pairwise(hidden), start=1):
            if step < len(config.widths):
                layers.append(nn.Conv2d(before, width, 3, stride=2, padding=1, bias=bias))
            else:
                layers.append(nn.ConvTranspose2d(before, width, 3, stride=2, padding=1, output_padding=1, bias=bias))
            layers += _normed(width, config)
        layers.append(nn.Conv2d(hidden[-1], config.channels, 3, padding=1, padding_mode="reflect"))
        self.layers = nn.Sequential(*layers)

    def forward(self, image: Float[Tensor, "b 3 H W"]) -> Float[Tensor, "b c h w"]:
        """RGB in [-1, 1], sides divisible by fold * 2^(steps down) -> features in (-1, 1), sides / `config.stride`."""
        features: Tensor = self.layers(folded(image, self.config.fold))
        return torch.tanh(features)


def _normed(width: int, config: StyleEncoderConfig) -> list[nn.Module]:
    """What follows a hidden convolution of `width` channels."""
    norm = nn.InstanceNorm2d(width) if config.norm == "instance" else nn.Identity()
    return [norm, nn.LeakyReLU(0.2)]
