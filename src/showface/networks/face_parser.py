"""Face parser (paper section 3.2, "face parser [BiSeNet]"): a face to the semantic map S of 14 categories.

`FaceParser` is our own, small, trained by the stage of its name; `BiSeNetParser` (networks/bisenet.py) is the paper's.
Both take RGB in [-1, 1] and have the same interface, `forward` and `semantic_map`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from showface.errors import SettingError
from showface.layers.folding import folded
from showface.layers.normed_convolution import BasicBlock, ConvNormReLU
from showface.layers.regions import downsample_semantic_map
from showface.semantics import CATEGORY_COUNT


@dataclass(frozen=True, kw_only=True)
class FaceParserConfig:
    """Layout of our own parser; the defaults serve the base and compact profiles (1.1 M parameters, 0.8 GMAC)."""

    fold: int = 4  # pixel-unshuffle factor at the input
    widths: tuple[int, ...] = (48, 80, 112, 112)  # channels of each level, outermost first; each halves the resolution
    finer: int = 2  # pixel-shuffle factor at the output: logits are at finer / fold of the resolution

    def __post_init__(self) -> None:
        if self.fold < 1 or not self.widths or min(self.widths) < 1:
            raise SettingError(f"parser: expected fold and widths of at least 1, got {self.fold} and {self.widths}")
        if self.finer < 1 or self.fold % self.finer:
            raise SettingError(f"parser.finer is {self.finer}, expected a divisor of fold = {self.fold}")

    @property
    def multiple(self) -> int:
        """Height and width must be multiples of this many pixels."""
        return self.fold << (len(self.widths) - 1)


# Deviation: the paper parses with BiSeNet at 512 px, 17 times the work; the paper profile keeps it.
class FaceParser(nn.Module):
    """A small U-Net on a pixel-unshuffled face; skips are added, not concatenated.

    encoder   per level: 3x3 convolution (stride 2 but for the first), residual block
    decoder   per level: 1x1 convolution, up-sample, add skip, 3x3 convolution; outermost: residual block instead
    head      1x1 convolution, pixel-shuffle
    """

    def __init__(self, config: FaceParserConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.down = nn.ModuleList(
            nn.Sequential(ConvNormReLU(c_in, width, stride=1 if level == 0 else 2), BasicBlock(width, width))
            for level, (c_in, width) in enumerate(zip((3 * config.fold**2, *widths), widths, strict=False))
        )
        self.narrow = nn.ModuleList(nn.Conv2d(deep, width, 1) for width, deep in pairwise(widths))
        self.join = nn.ModuleList(
            BasicBlock(width, width) if level == 0 else ConvNormReLU(width, width)
            for level, (width, _) in enumerate(pairwise(widths))
        )
        self.head = nn.Conv2d(widths[0], CATEGORY_COUNT * config.finer**2, 1)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 14 h2 w2"]:
        """Logits of the 14 categories at `finer / fold` of the resolution (default: half)."""
        return F.pixel_shuffle(self.head(self.features(image)), self.config.finer)

    def features(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h2 w2"]:
        """What the logits are read from, at 1 / `fold` of the resolution."""
        x = folded(image, self.config.fold)
        skips: list[Tensor] = []
        for down in self.down:
            x = down(x)
            skips.append(x)
        for level in reversed(range(len(self.join))):
            x = F.interpolate(self.narrow[level](x), scale_factor=2.0)  # nearest
            x = self.join[level](x + skips[level])
        return x

    @torch.no_grad()
    def semantic_map(
        self, image: Float[Tensor, "b 3 h w"], size: int | tuple[int, int]
    ) -> Int64[Tensor, "b small_h small_w"]:
        """The category of each of `size` cells (a side, or height and width).

        Where more cells are asked for than there are logits, these are interpolated first.
        """
        return self.map_of(self(image), size)

    @staticmethod
    def map_of(logits: Float[Tensor, "b 14 h w"], size: int | tuple[int, int]) -> Int64[Tensor, "b small_h small_w"]:
        """`semantic_map` of logits that are there already."""
        height, width = (size, size) if isinstance(size, int) else size
        if height > logits.shape[2] or width > logits.shape[3]:
            logits = F.interpolate(logits, size=(height, width), mode="bilinear", align_corners=False)
        return downsample_semantic_map(logits.argmax(dim=1), (height, width))
