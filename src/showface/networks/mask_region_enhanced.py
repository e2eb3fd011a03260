"""Mask-region enhanced module, MREM (paper section 3.3, Figure 3): feature fusion and masked correlation mining.

Fusion paints the hole with retrieved style vectors and the rest with those that are really visible. Every category
is then one flat colour per side of the mask; masked correlation mining (MCM) lets patches inside the hole take up
features from all others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from showface.errors import SettingError
from showface.layers.correlation import Correlation, fold_patches, patch_correlation, unfold_patches

ROWS = 64  # patches of the hole are mined for by so many


@dataclass(frozen=True, kw_only=True)
class MaskRegionConfig:
    """Patches and their correlation. Work grows with the fourth power of the side, and falls with patch squared."""

    channels: int = 256
    """Width c of the style feature maps."""
    patch: int = 4
    """Side of a patch, in feature cells."""
    stride: int = 4
    """Step from patch to patch; smaller than `patch` = overlapping, smoother, dearer."""
    reduction: int = 2
    """The two representations that are compared have channels / reduction channels."""
    correlation: Correlation = "softmax"
    """How dot products become shares; see `layers/correlation.py`."""
    details: bool = False
    """Take what is really seen, cell by cell, of the face and of its sources, through a third 1x1 convolution, and from
    patches without any hidden cell alone (from all where there is none); instead of the fused features, which hold one
    vector for each category."""

    def __post_init__(self) -> None:
        if min(self.channels, self.patch, self.stride, self.reduction) < 1:
            raise SettingError(f"mask region: expected channels, patch, stride and reduction of at least 1, got {self}")
        if self.stride > self.patch:
            raise SettingError(f"mask region: stride {self.stride} over patch {self.patch} leaves gaps; use at most it")
        if self.channels % self.reduction:
            raise SettingError(f"mask region: {self.channels} channels do not divide by reduction {self.reduction}")


class Details(NamedTuple):
    """Features of what is really seen: of the face, its mirror image and further sources, one below the other."""

    own: Float[Tensor, "b c h w"]  # the face alone
    features: Float[Tensor, "b c h2 w"]
    hidden: Float[Tensor, "b 1 h2 w"]  # 1 = not to be seen


def fuse(
    retrieved_map: Float[Tensor, "b c h w"], visible_map: Float[Tensor, "b c h w"], mask: Float[Tensor, "b 1 h w"]
) -> Float[Tensor, "b c h w"]:
    """F = (1 - M) F_V + M F_Q: real features where the face is visible, retrieved ones in the hole (mask 1)."""
    return torch.lerp(visible_map, retrieved_map, mask.to(visible_map.dtype))


def visible_patches(mask: Float[Tensor, "b 1 h w"], *, patch: int, stride: int) -> Bool[Tensor, "b n"]:
    """Which patches contain no hole cell."""
    return unfold_patches(mask, patch=patch, stride=stride).amax(dim=-1) == 0


def mining_shares(
    left: Float[Tensor, "b d h w"],
    right: Float[Tensor, "b d h2 w"],
    hidden: Float[Tensor, "b 1 h2 w"],
    config: MaskRegionConfig,
) -> Float[Tensor, "b n k"]:
    """Phi of section 3.3 for the patches of two maps: how much of patch k of the second, of which `hidden` (1) is not
    to be seen, goes into patch n of the first, row by row."""
    patch, stride = config.patch, config.stride
    return patch_correlation(
        unfold_patches(left, patch=patch, stride=stride),
        unfold_patches(right, patch=patch, stride=stride),
        kind=config.correlation,
        keys=visible_patches(hidden, patch=patch, stride=stride) if config.details else None,
    )


def masked_correlation_mining(
    features: Float[Tensor, "b c h w"],
    left: Float[Tensor, "b d h w"],
    right: Float[Tensor, "b d h2 w"],
    value: Float[Tensor, "b c h2 w"],
    mask: Float[Tensor, "b 1 h w"],
    hidden: Float[Tensor, "b 1 h2 w"],
    config: MaskRegionConfig,
) -> Float[Tensor, "b c h w"]:
    """F_f = F + M U (Figure 3), U being the patches of `value` mixed by the correlation of `left` and `right`.

    `hidden` is what may not be seen (1) of `right` and `value`: in the paper, the mask.
    """
    patch, stride = config.patch, config.stride
    phi = mining_shares(left, right, hidden, config)  # (b, patches, keys)
    values = unfold_patches(value, patch=patch, stride=stride)  # (b, patches, c * patch * patch)
    height, width = features.shape[2:]
    update = fold_patches(phi.to(values.dtype) @ values, (height, width), patch=patch, stride=stride)
    return features + mask * update


def mined(
    left: Float[Tensor, "b d h w"],
    right: Float[Tensor, "b d h2 w"],
    value: Float[Tensor, "b c h2 w"],
    mask: Float[Tensor, "b 1 h w"],
    hidden: Float[Tensor, "b 1 h2 w"],
    patch: int,
    stride: int,
    kind: Correlation,
    seen_alone: bool,
) -> Float[Tensor, "b c h w"]:
    """What the holes take up, picture by picture; 0 in patches without one. `seen_alone`: of wholly visible patches."""
    pictures = zip(left.split(1), right.split(1), value.split(1), mask.split(1), hidden.split(1), strict=True)
    return torch.cat([_mined_one(*each, patch, stride, kind, seen_alone) for each in pictures])


def _mined_one(
    left: Tensor, right: Tensor, value: Tensor, mask: Tensor, hidden: Tensor, patch: int, stride: int,
    kind: Correlation, seen_alone: bool,
) -> Float[Tensor, "1 c h w"]:  # fmt: skip
    size, holed = (left.shape[2], left.shape[3]), ~visible_patches(mask, patch=patch, stride=stride)  # (1, n)
    wanted = -(-int(holed.sum()) // ROWS) * ROWS  # of few sizes: for a new one the CPU's kernels are made anew
    rows = holed[0].int().argsort(descending=True, stable=True)[:wanted]  # the last have no hole, and are masked
    if not wanted:
        return value.new_zeros(1, value.shape[1], *size)
    maps = (left, right, value.to(left.dtype))  # what autocast rounded to bfloat16 is multiplied in it, compiled, too
    left, right, values = (unfold_patches(each, patch=patch, stride=stride) for each in maps)
    keys = visible_patches(hidden, patch=patch, stride=stride) if seen_alone else None
    shares = patch_correlation(left[:, rows], right, kind=kind, keys=keys)  # (1, rows, k)
    update = values.new_zeros(1, holed.shape[1], values.shape[2], dtype=value.dtype)
    update[:, rows] = (shares.to(values.dtype) @ values).to(value.dtype)
    return fold_patches(update, size, patch=patch, stride=stride)


class MaskRegionEnhanced(nn.Module):
    """Fuses the two style maps and enhances the hole."""

    def __init__(self, config: MaskRegionConfig) -> None:
        super().__init__()
        self.config = config
        narrow, queried = config.channels // config.reduction, config.channels * (1 + config.details)
        self.left = nn.Conv2d(queried, narrow, 1)
        self.right = nn.Conv2d(config.channels, narrow, 1)
        self.value = nn.Conv2d(config.channels, config.channels, 1) if config.details else nn.Identity()

    def forward(
        self,
        retrieved_map: Float[Tensor, "b c h w"],
        visible_map: Float[Tensor, "b c h w"],
        mask: Float[Tensor, "b 1 h w"],
        details: Details | None = None,
    ) -> Float[Tensor, "b c h w"]:
        """Mask 1 = hole, at the size of the maps (any size). Outside the hole the result is `visible_map`, exactly.

        `details` are what is mined where the configuration says so; without them nothing is.
        """
        fused = fuse(retrieved_map, visible_map, mask)
        if self.config.details and details is None:
            return fused
        left, right, value, hidden = self.maps(fused, mask, details)
        if details is None or torch.compiler.is_compiling():
            return masked_correlation_mining(fused, left, right, value, mask, hidden, self.config)
        config = self.config
        settings = (config.patch, config.stride, config.correlation, config.details)
        return torch.addcmul(fused, mask, mined(left, right, value, mask, hidden, *settings).to(fused.dtype))

    def maps(
        self, fused: Float[Tensor, "b c h w"], mask: Float[Tensor, "b 1 h w"], details: Details | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The three branches of Figure 3, and what of the last two may not be seen."""
        if not self.config.details or details is None:
            return self.left(fused), self.right(fused), self.value(fused), mask
        # Deviation: in the paper all three branches see the fused features (docs/deviations.md, Method)
        wanted = torch.cat([fused, details.own.to(fused.dtype)], dim=1)
        return self.left(wanted), self.right(details.features), self.value(details.features), details.hidden

    def shares(
        self,
        retrieved_map: Float[Tensor, "b c h w"],
        visible_map: Float[Tensor, "b c h w"],
        mask: Float[Tensor, "b 1 h w"],
        details: Details | None = None,
    ) -> Float[Tensor, "b n k"]:
        """What `forward` mixes its patches by, for figures; patches are counted row by row."""
        left, right, _, hidden = self.maps(fuse(retrieved_map, visible_map, mask), mask, details)
        return mining_shares(left, right, hidden, self.config)
