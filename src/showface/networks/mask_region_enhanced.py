"""Mask-region enhanced module, MREM (paper section 3.3, Figure 3): feature fusion and masked correlation mining.

Fusion paints the hole with retrieved style vectors and the rest with those that are really visible. Every category
is then one flat colour per side of the mask; masked correlation mining (MCM) lets patches inside the hole take up
features from all others.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from showface.errors import SettingError
from showface.layers.correlation import Correlation, fold_patches, patch_correlation, unfold_patches


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
    mask_keys: bool = False
    """Take features only from patches without any hole cell; from all where there is no such patch."""
    value_convolution: bool = False
    """A third 1x1 convolution on what is passed on; without it, the fused features themselves are."""

    def __post_init__(self) -> None:
        if min(self.channels, self.patch, self.stride, self.reduction) < 1:
            raise SettingError(f"mask region: expected channels, patch, stride and reduction of at least 1, got {self}")
        if self.stride > self.patch:
            raise SettingError(f"mask region: stride {self.stride} over patch {self.patch} leaves gaps; use at most it")
        if self.channels % self.reduction:
            raise SettingError(f"mask region: {self.channels} channels do not divide by reduction {self.reduction}")


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
    right: Float[Tensor, "b d h w"],
    mask: Float[Tensor, "b 1 h w"],
    config: MaskRegionConfig,
) -> Float[Tensor, "b n k"]:
    """Phi of section 3.3 for the patches of two maps: how much of patch k goes into patch n, row by row."""
    patch, stride = config.patch, config.stride
    return patch_correlation(
        unfold_patches(left, patch=patch, stride=stride),
        unfold_patches(right, patch=patch, stride=stride),
        kind=config.correlation,
        keys=visible_patches(mask, patch=patch, stride=stride) if config.mask_keys else None,
    )


def masked_correlation_mining(
    features: Float[Tensor, "b c h w"],
    left: Float[Tensor, "b d h w"],
    right: Float[Tensor, "b d h w"],
    value: Float[Tensor, "b c h w"],
    mask: Float[Tensor, "b 1 h w"],
    config: MaskRegionConfig,
) -> Float[Tensor, "b c h w"]:
    """F_f = F + M U (Figure 3), U being the patches of `value` mixed by the correlation of `left` and `right`."""
    patch, stride = config.patch, config.stride
    phi = mining_shares(left, right, mask, config)  # (b, patches, patches)
    values = unfold_patches(value, patch=patch, stride=stride)  # (b, patches, c * patch * patch)
    height, width = features.shape[2:]
    update = fold_patches(phi.to(values.dtype) @ values, (height, width), patch=patch, stride=stride)
    return features + mask * update


class MaskRegionEnhanced(nn.Module):
    """Fuses the two style maps and enhances the hole."""

    def __init__(self, config: MaskRegionConfig) -> None:
        super().__init__()
        self.config = config
        self.left = nn.Conv2d(config.channels, config.channels // config.reduction, 1)
        self.right = nn.Conv2d(config.channels, config.channels // config.reduction, 1)
        self.value = nn.Conv2d(config.channels, config.channels, 1) if config.value_convolution else nn.Identity()

    def forward(
        self,
        retrieved_map: Float[Tensor, "b c h w"],
        visible_map: Float[Tensor, "b c h w"],
        mask: Float[Tensor, "b 1 h w"],
    ) -> Float[Tensor, "b c h w"]:
        """Mask 1 = hole, at the size of the maps (any size). Outside the hole the result is `visible_map`, exactly."""
        fused = fuse(retrieved_map, visible_map, mask)
        left, right, value = self.left(fused), self.right(fused), self.value(fused)
        return masked_correlation_mining(fused, left, right, value, mask, self.config)

    def shares(
        self,
        retrieved_map: Float[Tensor, "b c h w"],
        visible_map: Float[Tensor, "b c h w"],
        mask: Float[Tensor, "b 1 h w"],
    ) -> Float[Tensor, "b n k"]:
        """What `forward` mixes its patches by, for figures; patches are counted row by row."""
        fused = fuse(retrieved_map, visible_map, mask)
        return mining_shares(self.left(fused), self.right(fused), mask, self.config)
