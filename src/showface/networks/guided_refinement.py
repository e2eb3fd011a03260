"""Guided refinement network (paper section 3.4, Figure 2; method.md §7.1, §7.2).

The coarse face is encoded by gated convolutions, passes dilated gated residual blocks, and is brought back to full
size by SPADE gated residual blocks into which the fused features F_f are injected. The defaults are the paper's
profile; a `fold` of 4 moves the same network to a quarter of the resolution, where a CPU is faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from showface.errors import SettingError, unknown
from showface.layers.folding import folded
from showface.layers.gated_convolution import GatedConvolution, GatedResBlock, Padding
from showface.layers.recomputing import run
from showface.layers.spade import SLOPE, SpadeGatedResBlock


@dataclass(frozen=True, kw_only=True)
class GuidedRefinementConfig:
    """What a `GuidedRefinement` is built from; widths are numbers of channels."""

    fold: int = 1
    """Side of the pixel blocks folded into channels at the input and unfolded at the output; 1 = none."""
    encoder_widths: tuple[int, ...] = (64, 128, 256)
    """The first at the folded size, each further one at half the size before."""
    stem_kernel: int = 5
    """Side of the first convolution's kernel, odd."""
    dilations: tuple[int, ...] = (1, 1, 2, 4, 8, 16)
    """One gated residual block at the smallest size for each."""
    decoder_widths: tuple[int, ...] = (256, 128)
    """One SPADE gated residual block for each, each after a two-fold up-sampling."""
    features: int = 256
    """Channels of F_f."""
    spade_hidden: int = 128
    """Channels between the two layers of each SPADE."""
    spade_kernel: int = 3
    """Side of the kernels of each SPADE, odd."""
    spectral_norm: bool = True
    """Whether the gated convolutions are spectrally normalised."""
    gate_kernel: int = 0
    """Side of the gates' kernels, odd; 0 = as the feature's."""
    padding: Padding = "reflect"
    """What stands beyond the border; zeros are cheaper, reflection needs a map larger than the largest dilation."""
    skips: bool = False
    """Whether encoder features of the same size are added, through a 1x1 convolution, before a SPADE block."""
    mirror: bool = False
    """Whether the encoder also sees the coarse face and mask mirrored: what is hidden on one side of a face may be
    visible on the other, at about the same place of an aligned one."""
    sources: bool = False
    """Whether it also sees, and where `residual` adds to, the coarse face with what the sources show in its hole."""
    residual: bool = False
    """Whether the network adds to the coarse face (starting at zero, unbounded) instead of drawing it anew (tanh)."""

    thin: int = 0
    """Parts of the hole that are narrower than so many pixels, odd, keep the coarse face; 0 = the refined face shows
    in all of the hole."""

    def __post_init__(self) -> None:
        if len(self.decoder_widths) != len(self.encoder_widths) - 1:
            raise SettingError(
                f"expected one decoder width for each down-sampling, {len(self.encoder_widths) - 1}, "
                f"got decoder_widths={self.decoder_widths}; make it one shorter than encoder_widths"
            )
        if self.padding not in get_args(Padding):
            raise SettingError(unknown("padding", self.padding, get_args(Padding)))
        for name in ("stem_kernel", "spade_kernel", "gate_kernel"):
            side = getattr(self, name)
            if side % 2 == 0 and not (name == "gate_kernel" and side == 0):
                raise SettingError(f"expected an odd {name}, got {side}; an even kernel would shift the picture")
        if self.thin and (self.thin < 3 or self.thin % 2 == 0):
            raise SettingError(f"expected thin to be 0 or odd and at least 3, got {self.thin}")
        numbers = (self.fold, self.features, self.spade_hidden, *self.encoder_widths, *self.decoder_widths)
        if min(numbers + self.dilations) < 1:
            raise SettingError("expected fold, features, widths and dilations of at least 1; raise the smallest")

    @property
    def multiple(self) -> int:
        """Height and width of a picture must be multiples of this."""
        return int(self.fold * 2 ** len(self.decoder_widths))


class Brought(NamedTuple):
    """What the sources show, brought onto the face."""

    face: Float[Tensor, "b 3 h w"]  # the coarse face with it in its hole, RGB [-1, 1]
    share: Float[Tensor, "b 1 h w"]  # of it in `face`, in [0, 1]


class GuidedRefinement(nn.Module):
    """Coarse face, mask and fused features to the raw refined face."""

    def __init__(self, config: GuidedRefinementConfig) -> None:
        super().__init__()
        self.config = config
        widths, inner = config.encoder_widths, (config.encoder_widths[-1], *config.decoder_widths)
        self.stem = _gated(config, 4 * config.fold**2, widths[0], kernel=config.stem_kernel)
        self.mirrored = self._mirrored_stem() if config.mirror else None
        self.brought = (
            _gated(config, 4 * config.fold**2, widths[0], kernel=config.stem_kernel) if config.sources else None
        )
        self.downs = nn.ModuleList(_gated(config, wide, wider, stride=2) for wide, wider in pairwise(widths))
        self.recompute = False  # whether the blocks keep no activations
        self.blocks = nn.Sequential(*(_residual_block(config, dilation) for dilation in config.dilations))
        self.skips = nn.ModuleList(
            nn.Conv2d(skip, width, 1) for skip, width in zip(widths[-2::-1], inner[:-1], strict=True) if config.skips
        )
        self.ups = nn.ModuleList(_spade_block(config, wide, narrow) for wide, narrow in pairwise(inner))
        self.head = nn.Conv2d(inner[-1], 3 * config.fold**2, 3, padding=1, padding_mode=config.padding)
        if config.residual:
            for parameter in self.head.parameters():
                nn.init.zeros_(parameter)

    def _mirrored_stem(self) -> GatedConvolution:
        """A second stem, for the mirrored face; without spectral norm it starts near zero, so that a trained
        network may grow it."""
        config = self.config
        stem = _gated(config, 4 * config.fold**2, config.encoder_widths[0], kernel=config.stem_kernel)
        with torch.no_grad():
            for parameter in stem.feature.parameters():
                parameter.mul_(0.02)  # not zero: a rectifier at zero passes no gradient
        return stem

    def forward(
        self,
        coarse: Float[Tensor, "b 3 h w"],
        mask: Float[Tensor, "b 1 h w"],
        fused: Float[Tensor, "b c h2 w2"],
        brought: Brought | None = None,
    ) -> Float[Tensor, "b 3 h w"]:
        """The raw face, RGB about [-1, 1], known pixels not yet put back.

        coarse: RGB [-1, 1], the coarse face with the known pixels in place; mask: 1 = hole; fused: F_f, any size;
        brought: what the sources show, where `sources` is set.
        """
        encoded = self.encode(coarse, mask, brought)
        x = encoded.pop()
        for block in self.blocks:
            x = run(block, x, recompute=self.recompute)
        for level, up in enumerate(self.ups):
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            if self.config.skips:
                x = x + self.skips[level](encoded.pop())
            x = run(up, x, fused, recompute=self.recompute)
        head = F.pixel_shuffle(self.head(F.leaky_relu(x, SLOPE)), self.config.fold)  # (b, 3, h, w)
        return base_of(coarse, brought) + head if self.config.residual else torch.tanh(head)

    def encode(self, coarse: Tensor, mask: Tensor, brought: Brought | None = None) -> list[Tensor]:
        """The encoder's features, the largest map first."""
        seen = torch.cat([coarse, mask], dim=1)
        entry: Tensor = self.stem(folded(seen, self.config.fold))  # of (b, 4 fold^2, h/fold, w/fold)
        if self.mirrored is not None:
            # Deviation: the paper's refinement network sees the coarse face alone
            entry = entry + self.mirrored(folded(seen.flip(-1), self.config.fold))
        if self.brought is not None:
            # Deviation: nor does it see what other pictures of the person show
            shown = torch.cat(brought or Brought(coarse, torch.zeros_like(mask)), dim=1)
            entry = entry + self.brought(folded(shown, self.config.fold))
        encoded = [entry]
        for down in self.downs:
            encoded.append(down(encoded[-1]))
        return encoded


def base_of(coarse: Float[Tensor, "b 3 h w"], brought: Brought | None) -> Float[Tensor, "b 3 h w"]:
    """What a `residual` network adds to."""
    return coarse if brought is None else brought.face


def _gated(
    config: GuidedRefinementConfig, inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1
) -> GatedConvolution:
    """A gated convolution of the encoder."""
    return GatedConvolution(
        inputs=inputs,
        outputs=outputs,
        kernel=kernel,
        gate_kernel=config.gate_kernel,
        stride=stride,
        padding=config.padding,
        spectral_norm=config.spectral_norm,
    )


def _residual_block(config: GuidedRefinementConfig, dilation: int) -> GatedResBlock:
    """A gated residual block at the smallest size."""
    return GatedResBlock(
        channels=config.encoder_widths[-1],
        dilation=dilation,
        gate_kernel=config.gate_kernel,
        padding=config.padding,
        spectral_norm=config.spectral_norm,
    )


def _spade_block(config: GuidedRefinementConfig, inputs: int, outputs: int) -> SpadeGatedResBlock:
    """A SPADE gated residual block of the decoder."""
    return SpadeGatedResBlock(
        inputs=inputs,
        outputs=outputs,
        features=config.features,
        hidden=config.spade_hidden,
        kernel=config.spade_kernel,
        gate_kernel=config.gate_kernel,
        padding=config.padding,
        spectral_norm=config.spectral_norm,
    )
