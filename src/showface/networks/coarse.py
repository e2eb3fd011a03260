"""Coarse network: a U-Net of partial convolutions (paper section 3.1, Figure 2 left; Liu et al. 2018).

    encoder   PConv, stride   -> norm -> ReLU        -> residual blocks     (one level per width)
    decoder   up-sample, concatenate skip, PConv 3x3 -> norm -> LeakyReLU   -> residual blocks
    head      up-sample, concatenate the input, PConv 3x3, bias, no activation

With `fill` = "input" the network sees the picture with its hole filled already (layers/harmonic_fill.py), and the mask
beside it, and learns what to add: nothing is invalid, so its convolutions are ordinary ones.

With `fold` = f the picture enters pixel-unshuffled: f*f sub-pixels become channels, each with a valid plane of its own,
so that the first layers run at 1/f of the resolution and the mask arithmetic stays exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from showface.errors import SettingError, unknown
from showface.layers.folding import folded
from showface.layers.harmonic_fill import harmonic_fill
from showface.layers.partial_convolution import PartialConvolution
from showface.layers.recomputing import run
from showface.layers.window import Window
from showface.masks import composite

Fill = Literal["none", "input"]
Valid = Float[Tensor, "b _ _ _"] | None  # one plane a group, 1 = valid; None: everything is


@dataclass(frozen=True, kw_only=True)
class CoarseConfig:
    """Layout of the coarse network; the defaults are the 256 px table of method.md §2 (25.8 M parameters)."""

    fold: int = 1  # pixel-unshuffle factor at the input and pixel-shuffle factor at the output
    widths: tuple[int, ...] = (64, 128, 256, 512, 512, 512, 512)  # channels of each level, outermost first
    kernels: tuple[int, ...] = (7, 5, 5, 3, 3, 3, 3)  # encoder kernel of each level, odd
    strides: tuple[int, ...] = (2, 2, 2, 2, 2, 2, 2)  # encoder stride of each level, 1 or 2
    encoder_blocks: tuple[int, ...] = (0, 0, 0, 0, 0, 0, 0)  # residual blocks behind each encoder convolution
    decoder_blocks: tuple[int, ...] = (0, 0, 0, 0, 0, 0)  # the same of the decoder, outermost first
    norm: Literal["batch", "none"] = "batch"  # "none": residual blocks start as the identity instead
    ones: bool = False  # a channel of ones beside RGB: after masking it tells the network which pixels were valid
    largest_scale: float = 0.0  # bound of the partial convolutions' renormalisation; 0 = none, as published
    fill: Fill = "none"  # where the hole's interpolation comes in

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
        if self.fill not in get_args(Fill):
            raise SettingError(unknown("coarse.fill", self.fill, get_args(Fill)))
        if self.fill == "input" and not self.ones:
            raise SettingError("coarse.fill 'input' needs coarse.ones: the mask would be seen nowhere")

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

    def forward(self, x: Float[Tensor, "b c h w"], valid: Valid) -> tuple[Float[Tensor, "b c h w"], Valid]:
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

    def forward(self, x: Float[Tensor, "b c h w"], valid: Valid) -> tuple[Float[Tensor, "b d h2 w2"], Valid]:
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
        self.head = PartialConvolution(
            widths[0] + sum(entry), 3 * sub_pixels, kernel=3, groups=(widths[0], *entry), bias=True,
            largest_scale=config.largest_scale,
        )  # fmt: skip
        if config.fill == "input":
            nn.init.zeros_(self.head.convolution.weight)  # the fill is where learning begins
        else:
            nn.init.xavier_normal_(self.head.convolution.weight, gain=0.5)

    def forward(self, image: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 3 h w"]:
        """`image` in [-1, 1], `mask` 1 = hole; the raw completion, unbounded, visible pixels included."""
        filled = seen(image, mask, self.config)
        x, valid = folded_picture(filled, mask, self.config)
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
        # Deviation: the paper's coarse network is given no fill to add to (docs/deviations.md, Method)
        return raw if self.config.fill == "none" else filled + raw.float()


def coarse_face(
    network: nn.Module, image: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]
) -> Float[Tensor, "b 3 h w"]:
    """P = (1 - M) I + M clip(coarse `network`), what the parser and the style encoder read (paper section 3.1)."""
    return composite(image, network(image, mask).float().clamp(-1, 1), mask)


def seen(
    image: Float[Tensor, "b 3 h w"],
    mask: Float[Tensor, "b 1 h w"],
    config: CoarseConfig,
    *,
    window: Window | None = None,
) -> Float[Tensor, "b 3 h w"]:
    """What enters the network: `image`, 0 where hidden, or with the hole filled (in `window`, if that is known)."""
    hole = mask > 0.5
    if config.fill != "input":
        return image.masked_fill(hole, 0.0)
    return torch.where(hole, harmonic_fill(image, mask, window=window).to(image.dtype), image)


def folded_picture(
    picture: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"], config: CoarseConfig
) -> tuple[Float[Tensor, "b c h2 w2"], Valid]:
    """`seen` and valid mask, pixel-unshuffled; channels sub-pixel first: groups are contiguous."""
    fold, (h, w) = config.fold, picture.shape[2:]
    if h % config.multiple or w % config.multiple:
        raise SettingError(f"coarse network: {h}x{w} pixels, expected multiples of {config.multiple}")
    if config.ones:
        picture = torch.cat([picture, 1 - mask], dim=1)  # ones where valid
    valid = None if config.fill == "input" else folded(1 - mask, fold)  # (b, f f, h/f, w/f)
    return folded(picture, fold, pixels_first=True), valid


def joined(
    x: Float[Tensor, "b c h w"], valid: Valid, skip: tuple[Float[Tensor, "b d h2 w2"], Valid], scale: int
) -> tuple[Float[Tensor, "b e h2 w2"], Valid]:
    """Up-sample (nearest) and concatenate a skip, in the type of `x`; each half keeps its own valid plane."""
    x = torch.cat([enlarged(x, scale), skip[0].to(x.dtype)], dim=1)
    if valid is None or skip[1] is None:
        return x, None
    valid = enlarged(valid, scale)
    return x, torch.cat([valid, skip[1].to(valid.dtype)], dim=1)


def enlarged(x: Float[Tensor, "b c h w"], scale: int) -> Float[Tensor, "b c h2 w2"]:
    """`x`, each value `scale` times in both directions."""
    return x if scale == 1 else F.interpolate(x, scale_factor=float(scale), mode="nearest")
