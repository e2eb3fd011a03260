"""The mask-region enhanced module in its lean form: mines for patches with a hole alone, for a compiler in one step."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from showface.layers.correlation import Correlation
from showface.lean.layers import as_one
from showface.networks.mask_region_enhanced import Details, MaskRegionEnhanced, fuse, mined


class LeanMaskRegion(nn.Module):
    """`MaskRegionEnhanced` that mines for the patches with any hole in them only; the others are not changed by it.

    Both projections are one convolution.
    """

    def __init__(self, mask_region: MaskRegionEnhanced) -> None:
        super().__init__()
        self.full = mask_region
        self.both = None if mask_region.config.details else as_one([mask_region.left, mask_region.right])

    def forward(
        self,
        retrieved_map: Float[Tensor, "b c h w"],
        visible_map: Float[Tensor, "b c h w"],
        mask: Float[Tensor, "b 1 h w"],
        details: Details | None = None,
    ) -> Float[Tensor, "b c h w"]:
        """As `MaskRegionEnhanced.forward`."""
        if torch.compiler.is_exporting():  # the number of patches must not depend on what is in the hole
            enhanced: Tensor = self.full(retrieved_map, visible_map, mask, details)
            return enhanced
        fused, config = fuse(retrieved_map, visible_map, mask), self.full.config
        if config.details and details is None:
            return fused
        left, right, value, hidden = self._maps(fused, mask, details)
        settings = (config.patch, config.stride, config.correlation, config.details)
        mine = torch.ops.showface.mined_holes if torch.compiler.is_compiling() else mined
        return torch.addcmul(fused, mask, mine(left, right, value, mask, hidden, *settings))

    def _maps(self, fused: Tensor, mask: Tensor, details: Details | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """As `MaskRegionEnhanced.maps`, for the paper's module in one convolution."""
        if self.both is None:
            return self.full.maps(fused, mask, details)
        left, right = self.both(fused).chunk(2, dim=1)
        return left, right, self.full.value(fused), mask


@torch.library.custom_op(
    "showface::mined_holes",
    mutates_args=(),
    schema="(Tensor left, Tensor right, Tensor value, Tensor mask, Tensor hidden, int patch, int stride, str kind, "
    "bool seen_alone) -> Tensor",
)
def _mined_holes(
    left: Tensor, right: Tensor, value: Tensor, mask: Tensor, hidden: Tensor, patch: int, stride: int,
    kind: Correlation, seen_alone: bool,
) -> Tensor:  # fmt: skip
    """`mined` as one operation for torch.compile, which would have to know how many patches have a hole."""
    update = mined(left, right, value, mask, hidden, patch, stride, kind, seen_alone)
    return update.contiguous(memory_format=torch.channels_last)


@_mined_holes.register_fake
def _(left: Tensor, right: Tensor, value: Tensor, mask: Tensor, hidden: Tensor, *settings: object) -> Tensor:
    made = value.new_empty(left.shape[0], value.shape[1], left.shape[2], left.shape[3])
    return made.contiguous(memory_format=torch.channels_last)
