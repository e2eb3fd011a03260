"""Coarse network: a U-Net of partial convolutions (paper section 3.1, Figure 2 left; Liu et al. 2018).

    encoder   PConv, stride   -> norm -> ReLU        -> residual blocks     (one level per width)
    decoder   up-sample, concatenate skip, PConv 3x3 -> norm -> LeakyReLU   -> residual blocks
    head      up-sample, concatenate the input, PConv 3x3, bias, no activation
    gate      beside the head (`fill`): how much of the harmonic fill of the hole goes into the result

With `fold` = f the picture enters pixel-unshuffled: f*f sub-pixels become channels, each with a valid plane of its own,
so that the first layers run at 1/f of the resolution and the mask arithmetic stays exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from showface.errors import SettingError, unknown
from showface.layers.harmonic_fill import harmonic_fill
from showface.layers.partial_convolution import PartialConvolution
from showface.layers.recomputing import run


@dataclass(frozen=True, kw_only=True)
class CoarseConfig:
    """Layout of the coarse network; the defaults are the 256 px table of METHOD section 2 (25.8 M parameters)."""

    fold: int = 1  # pixel-unshuffle factor at the input and pixel-shuffle factor at the output
    widths: tuple[int, ...] = (64, 128, 256, 512, 512, 512, 512)  # channels of each level, outermost first
    kernels: tuple[int, ...] = (7, 5, 5, 3, 3, 3, 3)  # encoder kernel of each level, odd
    strides: tuple[int, ...] = (2, 2, 2, 2, 2, 2, 2)  # encoder stride of each level, 1 or 2
    encoder_blocks: tuple[int, ...] = (0, 0, 0, 0, 0, 0, 0)  # residual blocks behind each encoder convolution
    decoder_blocks: tuple[int, ...] = (0, 0, 0, 0, 0, 0)  # the same of the decoder, outermost first
    norm: Literal["batch", "none"] = "batch"  # "none": residual blocks start as the identity instead
    ones: bool = False  # a channel of ones beside RGB: after masking it tells the network which pixels were valid
    largest_scale: float = 0.0  # bound of the partial convolutions' renormalisation; 0 = none, as published
    fill: Literal["none", "harmonic"] = "none"  # "harmonic": mixed, pixel by pixel, with the hole's interpolation

    def __post_init__(self) -> None:
        levels = len(self.widths)
        rows = {"kernels": self.kernels, "strides": self.strides, "encoder_blocks": self.encoder_blocks}
        for name, row in rows.items():
            if len(row) != levels:
                raise SettingError(f"coarse.{name} has {len(row)} entries, expected {levels}, one per width")
        if len(self.decoder_blocks) != levels - 1:
            raise SettingError(f"coarse.decoder_blocks has {len(self.decoder_blocks)} entries, expected {levels - 1}")
        if any(k % 2 == 0 for k in self.kernels):
            raise SettingError(f"coarse.kernels must be odd, got {self.kernels}")
        if min(self.fold, *self.widths, *self.strides) < 1 or self.largest_scale < 0:
            raise SettingError(
                f"coarse: expected fold, widths and strides of at least 1, largest_scale of 0, got {self}"
            )
        if self.norm not in ("batch", "none"):
            raise SettingError(unknown("coarse.norm", self.norm, ("batch", "none")))
        if self.fill not in ("none", "harmonic"):
            raise SettingError(unknown("coarse.fill", self.fill, ("none", "harmonic")))

    @property
    def multiple(self) -> int:
        """Height and width must be multiples of this many pixels."""
        product = self.fold
        for stride in self.strides:
            product *= stride
        return product


class PartialResidual(nn.Module):
    """x + PConv(act(norm(PConv(act(x))))); the second convolution starts at zero when there is no norm to tame it."""

    def __init__(self, width: int, *, norm: Literal["batch", "none"], largest_scale: float) -> None:
        super().__init__()
        bias = norm == "none"
        self.first = PartialConvolution(width, width, kernel=3, bias=bias, largest_scale=largest_scale)
        self.norm = nn.BatchNorm2d(width) if norm == "batch" else nn.Identity()
        self.second = PartialConvolution(width, width, kernel=3, bias=bias, largest_scale=largest_scale)
        if norm == "none":
            nn.init.zeros_(self.second.convolution.weight)

    def forward(
        self, x: Float[Tensor, "b c h w"], valid: Float[Tensor, "b 1 h w"]
    ) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b 1 h w"]]:
        y, grown = self.first(F.leaky_relu(x, 0.2), valid)
        y, grown = self.second(F.leaky_relu(self.norm(y), 0.2), grown)
        return x + y, grown


class Level(nn.Module):
    """One partial convolution with its norm (none at the entry), activation and residual blocks."""

    def __init__(
        self,
        in_groups: tuple[int, ...],
        width: int,
        *,
        kernel: int,
        stride: int,
        blocks: int,
        norm: Literal["batch", "none"],
        slope: float,
        largest_scale: float,
        entry: bool = False,
    ) -> None:
        super().__init__()
        self.slope = slope
        self.convolution = PartialConvolution(
            sum(in_groups), width, kernel=kernel, stride=stride, groups=in_groups, bias=norm == "none",
            largest_scale=largest_scale,
        )  # fmt: skip
        self.norm = nn.BatchNorm2d(width) if norm == "batch" and not entry else nn.Identity()
        self.blocks = nn.ModuleList(
            PartialResidual(width, norm=norm, largest_scale=largest_scale) for _ in range(blocks)
        )

    def forward(
        self, x: Float[Tensor, "b c h w"], valid: Float[Tensor, "b g h w"]
    ) -> tuple[Float[Tensor, "b d h2 w2"], Float[Tensor, "b 1 h2 w2"]]:
        x, valid = self.convolution(x, valid)
        x = F.leaky_relu(self.norm(x), self.slope)
        for block in self.blocks:
            x, valid = block(x, valid)
        return x, valid


class CoarseNetwork(nn.Module):
    """Masked picture -> coarse completion. What the hole's pixels hold does not matter."""

    def __init__(self, config: CoarseConfig) -> None:
        super().__init__()
        self.config = config
        self.recompute = False  # whether the levels keep no activations
        widths, sub_pixels = config.widths, config.fold**2
        entry = (4 if config.ones else 3,) * sub_pixels
        incoming = (entry, *((w,) for w in widths[:-1]))
        self.encoder = nn.ModuleList(
            Level(
                incoming[i], widths[i], kernel=config.kernels[i], stride=config.strides[i], slope=0.0,
                blocks=config.encoder_blocks[i], norm=config.norm, entry=i == 0,
                largest_scale=config.largest_scale,
            )
            for i in range(len(widths))
        )  # fmt: skip
        self.decoder = nn.ModuleList(
            Level(
                (widths[i + 1], widths[i]), widths[i], kernel=3, stride=1, slope=0.2,
                blocks=config.decoder_blocks[i], norm=config.norm, largest_scale=config.largest_scale,
            )
            for i in range(len(widths) - 1)
        )  # fmt: skip
        self.head = self._last(3 * sub_pixels, entry)
        nn.init.xavier_normal_(self.head.convolution.weight, gain=0.5)
        self.gate = self._last(sub_pixels, entry) if config.fill == "harmonic" else None
        if self.gate is not None:
            nn.init.zeros_(self.gate.convolution.weight)

    def _last(self, outputs: int, entry: tuple[int, ...]) -> PartialConvolution:
        """A convolution of the decoder's last features and the input."""
        width = self.config.widths[0]
        return PartialConvolution(
            width + sum(entry), outputs, kernel=3, groups=(width, *entry), bias=True,
            largest_scale=self.config.largest_scale,
        )  # fmt: skip

    def forward(self, image: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 3 h w"]:
        """`image` in [-1, 1], `mask` 1 = hole; the raw completion, unbounded, visible pixels included."""
        x, valid = folded_picture(image, mask, self.config)
        skips = [(x, valid)]
        for level in self.encoder:
            x, valid = run(level, x, valid, recompute=self.recompute)
            skips.append((x, valid))
        x, valid = skips.pop()
        for i in reversed(range(len(self.decoder))):
            x, valid = joined(x, valid, skips.pop(), self.config.strides[i + 1])
            x, valid = run(self.decoder[i], x, valid, recompute=self.recompute)
        x, valid = joined(x, valid, skips.pop(), self.config.strides[0])
        raw = F.pixel_shuffle(self.head(x, valid)[0], self.config.fold)  # (b, 3, h, w)
        if self.gate is None:
            return raw
        gate = F.pixel_shuffle(self.gate(x, valid)[0], self.config.fold).sigmoid()  # (b, 1, h, w)
        # Deviation: the paper's coarse network is the U-Net alone (docs/deviations.md, Method)
        return torch.lerp(raw.float(), harmonic_fill(image, mask), gate.float())


def folded_picture(
    image: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"], config: CoarseConfig
) -> tuple[Float[Tensor, "b c h2 w2"], Float[Tensor, "b g h2 w2"]]:
    """Picture, 0 where hidden, and valid mask, pixel-unshuffled; channels sub-pixel first: groups are contiguous."""
    fold, (h, w) = config.fold, image.shape[2:]
    if h % config.multiple or w % config.multiple:
        raise SettingError(f"coarse network: {h}x{w} pixels, expected multiples of {config.multiple}")
    visible = image.masked_fill(mask > 0.5, 0.0)
    if config.ones:
        visible = torch.cat([visible, 1 - mask], dim=1)  # ones where valid
    x = F.pixel_unshuffle(visible, fold).unflatten(1, (visible.shape[1], fold**2))  # (b, 3, f f, h/f, w/f)
    return x.transpose(1, 2).flatten(1, 2), F.pixel_unshuffle(1 - mask, fold)  # (b, 3 f f, .), (b, f f, .)


def joined(
    x: Float[Tensor, "b c h w"],
    valid: Float[Tensor, "b 1 h w"],
    skip: tuple[Float[Tensor, "b d h2 w2"], Float[Tensor, "b g h2 w2"]],
    scale: int,
) -> tuple[Float[Tensor, "b e h2 w2"], Float[Tensor, "b f h2 w2"]]:
    """Up-sample (nearest) and concatenate a skip; each half keeps its own valid plane."""
    if scale > 1:
        x, valid = (F.interpolate(t, scale_factor=float(scale), mode="nearest") for t in (x, valid))
    return torch.cat([x, skip[0]], dim=1), torch.cat([valid, skip[1].to(valid.dtype)], dim=1)
