"""Reconstruction network whose middle layer measures coordination (paper section 3.5; method.md §8.2).

An encoder-decoder trained to give whole faces back, then frozen; the InCo2 loss compares its middle-layer features.
The encoder carries no normalisation, which would erase the colour means the loss needs, and there are no skip
connections, which would empty the middle layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from showface.errors import SettingError, unknown
from showface.layers.folding import folded

DecoderNorm = Literal["instance", "none"]


@dataclass(frozen=True, kw_only=True)
class ReconstructionConfig:
    """What a `ReconstructionNetwork` is built from; the defaults are the paper's profile."""

    fold: int = 1
    """Side of the pixel blocks folded into channels at the input and unfolded at the output; 1 = none."""
    widths: tuple[int, ...] = (64, 128, 256)
    """Channels: the first at the folded size, each further one at half the size before."""
    kernel: int = 7
    """Side of the first and the last convolution's kernel, odd."""
    blocks: int = 4
    """Residual blocks at the smallest size; the last one's output is the middle layer."""
    decoder_norm: DecoderNorm = "instance"
    """Normalisation of the decoder; the encoder never has one."""

    def __post_init__(self) -> None:
        if self.decoder_norm not in get_args(DecoderNorm):
            raise SettingError(unknown("decoder_norm", self.decoder_norm, get_args(DecoderNorm)))
        if self.kernel % 2 == 0:
            raise SettingError(f"expected an odd kernel, got {self.kernel}; an even one would shift the picture")
        if not self.widths or min(self.fold, self.blocks, *self.widths) < 1:
            raise SettingError("expected fold, blocks and every width to be at least 1; raise the smallest")

    @property
    def multiple(self) -> int:
        """Height and width of a picture must be multiples of this; the middle layer is smaller by as much."""
        return int(self.fold * 2 ** (len(self.widths) - 1))


class ResBlock(nn.Module):
    """`x + conv(relu(conv(relu(x))))`, 3x3, without normalisation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels, 3)
        self.second = _convolution(channels, channels, 3)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """The input plus its residual."""
        residual: Tensor = self.second(F.relu(self.first(F.relu(x)), inplace=True))
        return x + residual


class ReconstructionNetwork(nn.Module):
    """A face to itself, through the middle layer."""

    def __init__(self, config: ReconstructionConfig) -> None:
        super().__init__()
        self.config = config
        widths, pixels = config.widths, 3 * config.fold**2
        self.stem = _convolution(pixels, widths[0], config.kernel)
        self.downs = nn.ModuleList(_convolution(wide, wider, 3, stride=2) for wide, wider in pairwise(widths))
        self.blocks = nn.Sequential(*(ResBlock(widths[-1]) for _ in range(config.blocks)))
        self.ups = nn.ModuleList(_up(wider, wide, config.decoder_norm) for wider, wide in pairwise(widths[::-1]))
        self.head = _convolution(widths[0], pixels, config.kernel)

    def encode(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h2 w2"]:
        """The middle layer, smaller than the image by `config.multiple`. image: RGB [-1, 1]."""
        x: Tensor = self.stem(folded(image, self.config.fold))
        for down in self.downs:
            x = down(F.relu(x, inplace=True))
        middle: Tensor = self.blocks(x)
        return middle

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """The image given back, RGB [-1, 1]."""
        x = self.encode(image)
        for up in self.ups:
            x = up(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return torch.tanh(F.pixel_shuffle(self.head(F.relu(x)), self.config.fold))


def _convolution(inputs: int, outputs: int, kernel: int, *, stride: int = 1) -> nn.Conv2d:
    """A convolution that keeps the size (divided by `stride`), reflecting at the border."""
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, padding_mode="reflect")


def _up(inputs: int, outputs: int, norm: DecoderNorm) -> nn.Sequential:
    """What follows an up-sampling: ReLU, 3x3 convolution, normalisation."""
    convolution = _convolution(inputs, outputs, 3)
    normalise = nn.InstanceNorm2d(outputs, affine=True) if norm == "instance" else nn.Identity()
    return nn.Sequential(nn.ReLU(), convolution, normalise)
