"""Source matching: where a face's cells are in another picture of the person, as a smooth flow.

Not in the paper. Features of both pictures are compared cell by cell, as in flow networks (global matching, GMFlow, Xu
et al. 2022): the mean place of alike cells nearby is a first flow, which is trusted where there is something to tell
places apart, and smoothed over the rest and over the hole. A cell of it is large: a finer flow, trained to make one
picture look like another, learns to draw with what it finds, and closes an open eye.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from showface.errors import SettingError
from showface.layers.folding import folded

SLOPE = 0.1
COARSER = 4  # how many cells of the features are a side of one of the flow's
SHARPNESS, NEARNESS = 20.0, 0.5  # at first: what cosines are multiplied with; what a squared distance in cells costs
LEAST_TRUST = 1e-3
NOT_SEEN, TOO_FAR = -5e3, -1e4  # added to scores: where nothing near is to be seen, what is nearest counts


@dataclass(frozen=True, kw_only=True)
class SourceMatchingConfig:
    """What a `SourceMatching` is built from."""

    fold: int = 4
    """Side of the pixel blocks folded into channels; a cell of the features is two of them wide."""
    widths: tuple[int, int, int] = (48, 64, 96)
    """Channels at the folded size, at half of it, and of the features."""
    judging: tuple[int, int] = (64, 96)
    """Hidden channels of what says where to trust the first flow, and of what corrects it."""
    reach: int = 4
    """How many cells away, in either direction, a cell is looked for."""
    spread: float = 3.0
    """Deviation, in cells, of the Gaussian that the first flow is smoothed by."""

    def __post_init__(self) -> None:
        if min(self.fold, *self.widths, *self.judging, self.reach) < 1 or not self.spread > 0:
            raise SettingError(
                f"source matching: expected fold, widths and reach of at least 1 and spread above 0, got {self}"
            )

    @property
    def cell(self) -> int:
        """Pixels a side of one cell of the features."""
        return 2 * self.fold

    @property
    def multiple(self) -> int:
        """Height and width of a picture must be multiples of this; it is a side of one of the flow's cells."""
        return COARSER * self.cell


class SourceMatching(nn.Module):
    """Faces and sources, each with what is hidden, to the flow from the one to the other."""

    def __init__(self, config: SourceMatchingConfig) -> None:
        super().__init__()
        self.config = config
        fine, middle, features = config.widths
        trusting, correcting = config.judging
        self.encoder = nn.Sequential(
            nn.Conv2d(4 * config.fold**2, fine, 3, padding=1), nn.LeakyReLU(SLOPE),
            nn.Conv2d(fine, middle, 3, stride=2, padding=1), nn.LeakyReLU(SLOPE),
            nn.Conv2d(middle, features, 3, padding=1), nn.LeakyReLU(SLOPE),
            nn.Conv2d(features, features, 3, padding=1),
        )  # fmt: skip
        self.sharpness = nn.Parameter(torch.tensor(math.log(SHARPNESS)))
        self.nearness = nn.Parameter(torch.tensor(math.log(NEARNESS)))
        self.trust = nn.Sequential(
            nn.Conv2d(features + 4, trusting, 3, padding=1), nn.LeakyReLU(SLOPE), nn.Conv2d(trusting, 1, 3, padding=1)
        )
        self.correction = nn.Sequential(
            nn.Conv2d(features + 4, correcting, 3, stride=2, padding=1), nn.LeakyReLU(SLOPE),
            nn.Conv2d(correcting, correcting, 3, stride=2, padding=1), nn.LeakyReLU(SLOPE),
            nn.Conv2d(correcting, correcting, 3, padding=2, dilation=2), nn.LeakyReLU(SLOPE),
            nn.Conv2d(correcting, 2, 3, padding=1),
        )  # fmt: skip
        for parameter in self.correction[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(
        self,
        face: Float[Tensor, "b 3 h w"],
        mask: Float[Tensor, "b 1 h w"],
        images: Float[Tensor, "n 3 h w"],
        hidden: Float[Tensor, "n 1 h w"],
    ) -> Float[Tensor, "n 2 h2 w2"]:
        """The flow (x, y) in sides of the picture, of cells of `config.multiple` pixels, float32.

        `images`: n / b sources of each face, those of a face together; `mask`, `hidden`: 1 = not to be seen.
        """
        count = images.shape[0] // face.shape[0]  # len() would fix the batch of an exported graph
        own, theirs = self._features(face, mask), self._features(images, hidden)
        own, mask = own.repeat_interleave(count, dim=0), mask.repeat_interleave(count, dim=0)
        size = (own.shape[2], own.shape[3])
        covered, gone = (F.adaptive_avg_pool2d(each.float(), size) for each in (mask, hidden))
        found, likely = self._first(own, theirs, gone)
        evidence = torch.cat([own, found / self.config.reach, likely, covered], dim=1)
        trust = torch.sigmoid(self.trust(evidence).float()) * (1 - covered) + LEAST_TRUST
        correction: Tensor = self.correction(evidence)
        flow = smoothed(found, trust, self.config.spread) + correction.float()  # in cells
        return flow / flow.new_tensor([size[1], size[0]])[:, None, None]

    def _features(self, picture: Tensor, hidden: Tensor) -> Float[Tensor, "b c h2 w2"]:
        """Features of unit length of what is to be seen."""
        seen = torch.cat([picture.masked_fill(hidden > 0.5, 0.0), hidden.to(picture.dtype)], dim=1)
        features: Tensor = self.encoder(folded(seen, self.config.fold))
        return F.normalize(features.float(), dim=1, eps=1e-6)

    def _first(
        self, own: Float[Tensor, "n c h w"], theirs: Float[Tensor, "n c h w"], gone: Float[Tensor, "n 1 h w"]
    ) -> tuple[Float[Tensor, "n 2 h w"], Float[Tensor, "n 1 h w"]]:
        """The mean place of alike cells within reach, relative to the cell's own, in cells; and the largest share."""
        (height, width), reach = own.shape[2:], self.config.reach
        with torch.autocast(own.device.type, enabled=False):
            left = (self.sharpness.exp() * own).permute(0, 2, 3, 1).flatten(0, 1)  # (n h, w, c)
            right = rows_about(theirs, reach, beyond=0.0).transpose(1, 2)  # (n h, c, k), k = (2 reach + 1) w
            seen = rows_about(NOT_SEEN * (gone > 0.5), reach, beyond=TOO_FAR).transpose(1, 2)  # (n h, 1, k)
            scores = torch.baddbmm(self._nearby(width) + seen, left, right)  # (n h, w, k)
            shares = scores.softmax(dim=-1)
            found = shares @ steps_about(width, reach, own.device)  # (n h, w, 2)
            found = found - torch.arange(float(width), device=own.device)[:, None] * found.new_tensor([1.0, 0.0])
            likely = shares.amax(dim=-1, keepdim=True)  # (n h, w, 1)
            found, likely = (x.unflatten(0, (-1, height)).permute(0, 3, 1, 2) for x in (found, likely))
            return found, likely

    def _nearby(self, width: int) -> Float[Tensor, "w k"]:
        """What is added to the scores of a row's cells with those of the rows about it, for their distance."""
        reach, device = self.config.reach, self.nearness.device
        x, y = steps_about(width, reach, device).unbind(dim=1)
        across = x - torch.arange(float(width), device=device)[:, None]  # (w, k)
        near = -self.nearness.exp() * (across.square() + y.square())
        return near.masked_fill(across.abs() > reach, TOO_FAR)


def rows_about(x: Float[Tensor, "n c h w"], reach: int, *, beyond: float) -> Float[Tensor, "nh k c"]:
    """Of every row the cells of the rows up to `reach` from it, one row after the other; `beyond` the border that."""
    padded = F.pad(x, (0, 0, reach, reach), value=beyond).permute(0, 2, 3, 1)  # (n, h + 2 reach, w, c)
    about = padded.unfold(1, 2 * reach + 1, 1)  # (n, h, w, c, 2 reach + 1)
    return about.permute(0, 1, 4, 2, 3).flatten(2, 3).flatten(0, 1)


def steps_about(width: int, reach: int, device: torch.device) -> Float[Tensor, "k 2"]:
    """Of the cells that `rows_about` gives for one row: x, and y from that row."""
    rows, columns = torch.arange(-float(reach), reach + 1, device=device), torch.arange(float(width), device=device)
    ys, xs = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([xs, ys], dim=-1).flatten(0, 1)


def smoothed(
    flow: Float[Tensor, "n 2 h w"], trust: Float[Tensor, "n 1 h w"], spread: float
) -> Float[Tensor, "n 2 h2 w2"]:
    """The mean of what is trusted about each cell of a map `COARSER` times smaller, by a Gaussian."""
    reach = math.ceil(2 * spread)
    line = torch.exp(-torch.arange(-reach, reach + 1, device=flow.device).square() / (2 * spread**2))
    kernel = (line[:, None] * line / line.sum() ** 2).expand(3, 1, -1, -1)
    weighted = F.pad(torch.cat([flow * trust, trust], dim=1), (reach,) * 4, mode="replicate")
    total = F.avg_pool2d(F.conv2d(weighted, kernel.to(weighted.dtype), groups=3), COARSER)
    return total[:, :2] / total[:, 2:]
