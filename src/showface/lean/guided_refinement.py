"""The guided refinement in its lean form: of the decoder only what the hole depends on."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from showface.layers.folding import unfolded
from showface.layers.spade import SLOPE, Spade
from showface.layers.window import Window, hole_window, whole, windows_before
from showface.lean.layers import LeanSpade
from showface.networks.guided_refinement import Brought, GuidedRefinement, base_of


class LeanRefinement(nn.Module):
    """`GuidedRefinement` with each SPADE's two convolutions in one, whose decoder computes what the hole depends on."""

    def __init__(self, refinement: GuidedRefinement) -> None:
        super().__init__()
        self.full = refinement
        for module in list(refinement.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, Spade):
                    setattr(module, name, LeanSpade(child))

    def forward(
        self,
        coarse: Float[Tensor, "b 3 h w"],
        mask: Float[Tensor, "b 1 h w"],
        fused: Float[Tensor, "b c h2 w2"],
        brought: Brought | None = None,
    ) -> Float[Tensor, "b 3 h w"]:
        """As `GuidedRefinement.forward` in the hole; elsewhere, where it has not computed, it gives `coarse` back."""
        full, config = self.full, self.full.config
        fused = fused.contiguous(memory_format=torch.channels_last)  # once, not before each convolution of it
        encoded = full.encode(coarse, mask, brought)
        x = full.blocks(encoded.pop())
        there = whole(x)
        for level, window in enumerate(self._windows(mask)):
            x = F.interpolate(window.reduced(2).within(there).of(x), scale_factor=2.0, mode="nearest")
            if config.skips:
                x = x + full.skips[level](window.of(encoded.pop()))
            size = (window.height, window.width)
            features = fused if fused.shape[2:] == size else F.interpolate(fused, size=size, mode="nearest")
            x, there = full.ups[level](x, window.of(features)), window
        head = unfolded(full.head(F.leaky_relu(x, SLOPE)), config.fold)  # (b, 3, h, w) of the window
        pixels = there.enlarged(config.fold)
        base = pixels.of(base_of(coarse, brought))
        return pixels.put(base + head if config.residual else torch.tanh(head), coarse)

    def _windows(self, mask: Float[Tensor, "b 1 h w"]) -> list[Window]:
        """What every block behind an up-sampling computes, in cells of its map."""
        config = self.full.config
        spade, gated = 2 * (config.spade_kernel // 2), max(1, config.gate_kernel // 2)
        before_the_head = hole_window(mask).reduced(config.fold).grown(1)
        return windows_before(before_the_head, [(2, 2 * gated + spade)] * len(config.decoder_widths))
