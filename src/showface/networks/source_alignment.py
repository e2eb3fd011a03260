"""Source alignment: what other pictures of the person show, brought onto the face by a flow.

Not in the paper. SymmFCNet (Li et al. 2018), which it cites, warps a face's mirror image onto it by a flow; here each
source comes this way, with a confidence, and the warped pictures stay sharp, since nothing draws them anew. Their
light is not that of the hidden side: what is taken is their detail, on the coarse face's soft light and colour.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from showface.errors import SettingError
from showface.layers.folding import folded
from showface.networks.source_matching import SourceMatching, SourceMatchingConfig
from showface.networks.sources import Sources

SOFT = 8  # pixels a side of the cells by which soft light and colour are compared
SLOPE = 0.1
CERTAIN = (0.12, 0.35)  # confidence from which on a source is shown, and from which on nothing else is: what is
# really seen is shown unless it is clearly further from the truth than the coarse face, which is a mean
CHOICE = 4  # power of the confidence by which several sources are mixed: two that differ must not both be seen


@dataclass(frozen=True, kw_only=True)
class SourceAlignmentConfig:
    """What a `SourceAlignment` is built from."""

    matching: SourceMatchingConfig = field(default_factory=SourceMatchingConfig)
    """Of the flow."""
    fold: int = 4
    """Side of the pixel blocks folded into channels; the confidence has a cell for each."""
    widths: tuple[int, int, int] = (48, 64, 96)
    """Channels at the folded size, at half and at a quarter of it."""
    dilations: tuple[int, ...] = (1, 2, 4)
    """One residual convolution at the smallest size for each."""

    def __post_init__(self) -> None:
        if min(self.fold, *self.widths, *self.dilations) < 1:
            raise SettingError(f"source alignment: expected fold, widths and dilations of at least 1, got {self}")

    @property
    def multiple(self) -> int:
        """Height and width of a picture must be multiples of this."""
        return math.lcm(4 * self.fold, SOFT, self.matching.multiple)


class Aligned(NamedTuple):
    """The sources on the face."""

    pictures: Float[Tensor, "b k 3 h w"]  # each source, warped
    visible: Float[Tensor, "b k 1 h w"]  # where it shows something, in [0, 1]
    confidence: Float[Tensor, "b k 1 h w"]  # that it is nearer the truth than the coarse face; 0 where not visible
    logits: Float[Tensor, "b k 1 h2 w2"]  # of the confidence where everything is visible
    flow: Float[Tensor, "b k 2 h3 w3"]  # from a cell of the face to where it looks (x, y), in sides of the picture
    share: Float[Tensor, "b 1 h w"]  # of what the sources show in `face`; 0 outside the hole
    face: Float[Tensor, "b 3 h w"]  # the coarse face with what the sources show in its hole


class SourceAlignment(nn.Module):
    """Coarse face, mask and sources to the sources on the face: the flow, then how far to trust what it brings."""

    def __init__(self, config: SourceAlignmentConfig) -> None:
        super().__init__()
        self.config = config
        fine, middle, small = config.widths
        self.matching = SourceMatching(config.matching)
        self.stem = nn.Conv2d(8 * config.fold**2, fine, 3, padding=1)
        self.down = nn.Conv2d(fine, middle, 3, stride=2, padding=1)
        self.further_down = nn.Conv2d(middle, small, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(nn.Conv2d(small, small, 3, padding=d, dilation=d) for d in config.dilations)
        self.up = nn.Conv2d(small, middle, 3, padding=1)
        self.further_up = nn.Conv2d(middle, fine, 3, padding=1)
        self.confidence = nn.Conv2d(fine, 1, 3, padding=1)
        for parameter in self.confidence.parameters():
            nn.init.zeros_(parameter)

    def forward(self, coarse: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"], sources: Sources) -> Aligned:
        """Bring `sources` onto the `coarse` face (RGB in [-1, 1]), of which `mask` (1) is hidden."""
        count = sources.count
        images, hidden = sources.flat()
        coarse, mask, images = (x.contiguous() for x in (coarse, mask.to(coarse.dtype), images))  # mixed are slow
        flow = self.matching(coarse, mask, images, hidden)  # (b k, 2, h3, w3)
        warped = warp(torch.cat([images, 1 - hidden], dim=1), flow)  # (b k, 4, h, w)
        visible = (2 * warped[:, 3:] - 1).clamp(0, 1)  # none where half of what is looked at is hidden
        shown = warped[:, :3].detach() * visible.detach()  # the flow learns by where things are
        own = (x.repeat_interleave(count, dim=0) for x in (coarse, mask))
        logits = self._trusted(torch.cat([*own, shown, visible.detach()], dim=1))
        confidence = visible * enlarged(torch.sigmoid(logits), warped)
        parts = (warped[:, :3], visible, confidence, logits, flow)
        pictures, visible, confidence, logits, flow = (x.unflatten(0, (-1, count)) for x in parts)
        share, face = self._shown(coarse, mask, pictures, confidence)
        return Aligned(pictures, visible, confidence, logits, flow, share, face)

    def _shown(
        self, coarse: Tensor, mask: Tensor, pictures: Float[Tensor, "b k 3 h w"], confidence: Float[Tensor, "b k 1 h w"]
    ) -> tuple[Float[Tensor, "b 1 h w"], Float[Tensor, "b 3 h w"]]:
        """The coarse face with what the `pictures` show in its hole, and their share of it."""
        merged, sure = joined(pictures, confidence)
        share = rising(sure, *CERTAIN)
        return mask * share, shown_in_hole(coarse, mask, merged, share)

    def _trusted(self, seen: Float[Tensor, "n 8 h w"]) -> Float[Tensor, "n 1 h2 w2"]:
        """The logits of the confidence, float32, by the coarse face with its mask beside what was brought."""
        entry = _rectified(self.stem(folded(seen, self.config.fold)))
        half = _rectified(self.down(entry))
        x = _rectified(self.further_down(half))
        for block in self.blocks:
            x = x + _rectified(block(x))
        x = _rectified(self.up(F.interpolate(x, scale_factor=2.0, mode="nearest"))) + half
        x = _rectified(self.further_up(F.interpolate(x, scale_factor=2.0, mode="nearest"))) + entry
        logits: Tensor = self.confidence(x)
        return logits.float()


def _rectified(x: Tensor) -> Tensor:
    return F.leaky_relu(x, SLOPE)


def enlarged(x: Float[Tensor, "b c h w"], like: Float[Tensor, "b d h2 w2"]) -> Float[Tensor, "b c h2 w2"]:
    """`x` at the size of `like`, bilinear."""
    size = (like.shape[2], like.shape[3])
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def warp(pictures: Float[Tensor, "b c h w"], flow: Float[Tensor, "b 2 h2 w2"]) -> Float[Tensor, "b c h w"]:
    """What `pictures` show where `flow` looks, float32, bilinear; beyond the border, what lies on it.

    `flow`: x and y in sides of the picture, at any size. At zero flow the pictures come back as they are.
    """
    height, width = pictures.shape[2:]
    ys, xs = ((2 * torch.arange(side, device=flow.device) + 1) / side - 1 for side in (height, width))
    moved = enlarged(flow.float(), pictures).permute(0, 2, 3, 1) * 2  # [-1, 1] is one side
    places = torch.stack([xs.expand(height, width), ys[:, None].expand(height, width)], dim=-1) + moved
    return F.grid_sample(pictures.float(), places, mode="bilinear", padding_mode="border", align_corners=False)


def joined(
    pictures: Float[Tensor, "b k 3 h w"], confidence: Float[Tensor, "b k 1 h w"]
) -> tuple[Float[Tensor, "b 3 h w"], Float[Tensor, "b 1 h w"]]:
    """One picture of all, mostly the one of greatest confidence, and that confidence."""
    weight = confidence**CHOICE
    merged = (pictures * weight).sum(dim=1) / (weight.sum(dim=1) + 1e-6)
    return merged, confidence.amax(dim=1)


def rising(x: Float[Tensor, "*shape"], low: float, high: float) -> Float[Tensor, "*shape"]:
    """0 up to `low`, 1 from `high` on, smooth between."""
    way = ((x - low) / (high - low)).clamp(0, 1)
    return way * way * (3 - 2 * way)


def shown_in_hole(
    coarse: Float[Tensor, "b 3 h w"],
    mask: Float[Tensor, "b 1 h w"],
    picture: Float[Tensor, "b 3 h w"],
    share: Float[Tensor, "b 1 h w"],
) -> Float[Tensor, "b 3 h w"]:
    """The coarse face with a share of the detail of `picture`, on its own soft light, in the hole (mask 1)."""
    lit = picture + soft_difference(coarse - picture, share)
    return coarse + mask * share * (lit - coarse)


def soft_difference(difference: Float[Tensor, "b 3 h w"], weight: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 3 h w"]:
    """`difference` without its detail: the weighted mean of its surroundings, about `SOFT` pixels to each side."""
    total = torch.cat([difference * weight, weight], dim=1)
    cells = F.pad(F.avg_pool2d(total, SOFT), (1, 1, 1, 1), mode="replicate")
    kernel = cells.new_tensor([1.0, 2.0, 1.0]) / 4
    planes = cells.shape[1]
    smooth = F.conv2d(cells, (kernel[:, None] * kernel).expand(planes, 1, 3, 3), groups=planes)
    smooth = enlarged(smooth, total)
    return smooth[:, :3] / (smooth[:, 3:] + 1e-3)
