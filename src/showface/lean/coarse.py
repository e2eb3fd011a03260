"""The coarse network in its lean form: features masked once, and of the decoder only what the hole depends on."""

from __future__ import annotations

from typing import cast

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from showface.layers.folding import unfolded
from showface.layers.partial_convolution import PartialConvolution
from showface.layers.window import Window, hole_window, whole, windows_before
from showface.lean.layers import LeanJoinedConvolution, LeanPartialConvolution
from showface.networks.coarse import CoarseNetwork, Level, PartialResidual, Valid, folded_picture, joined, seen


class LeanCoarse(nn.Module):
    """`CoarseNetwork`: features masked once, decoder levels take the smaller map as it is.

    The decoder computes only what the hole depends on.
    """

    def __init__(self, coarse: CoarseNetwork) -> None:
        super().__init__()
        self.config = config = coarse.config
        zeroed, widths = config.norm == "none", config.widths
        self.encoder = nn.ModuleList(LeanLevel(cast(Level, level), zeroed=zeroed) for level in coarse.encoder)
        self.decoder = nn.ModuleList(
            LeanLevel(cast(Level, level), zeroed=zeroed, split=widths[i + 1], scale=config.strides[i + 1])
            for i, level in enumerate(coarse.decoder)
        )
        self.last = _lean(coarse.head, split=widths[0], scale=config.strides[0], zeroed=zeroed)

    def forward(self, image: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 3 h w"]:
        """As `CoarseNetwork.forward` in the hole; elsewhere, where it has not computed, it gives the picture back."""
        hole = hole_window(mask)
        picture = seen(image, mask, self.config, window=hole)
        x, valid = folded_picture(picture, mask, self.config)
        skips = [(x, valid)]
        for level in self.encoder:
            x, valid = level(x, valid)
            skips.append((x, valid))
        x, valid = skips.pop()
        *before, last = self._windows(hole)
        there = whole(x)
        for level, window, scale in zip(reversed(self.decoder), before, self.config.strides[:0:-1], strict=True):
            needed = window.reduced(scale).within(there)
            skip, skipped = skips.pop()
            x, valid = cast(LeanLevel, level).joined(
                needed.of(x), _part(needed, valid), (window.of(skip), _part(window, skipped))
            )
            there = window
        needed = last.reduced(self.config.strides[0]).within(there)
        skip, skipped = skips.pop()
        planes, _ = _joined(
            self.last, needed.of(x), _part(needed, valid), (last.of(skip), _part(last, skipped)),
            self.config.strides[0],
        )  # fmt: skip
        return self._picture(planes, picture, last.enlarged(self.config.fold))

    def _windows(self, hole: Window) -> list[Window]:
        """What every decoder level, innermost first, and the last convolution compute, in cells of their maps."""
        config = self.config
        blocks = zip(config.strides[:0:-1], config.decoder_blocks[::-1], strict=True)
        steps = [(scale, 1 + 2 * count) for scale, count in blocks] + [(config.strides[0], 1)]
        return windows_before(hole.reduced(config.fold), steps)

    def _picture(self, planes: Float[Tensor, "b p h w"], picture: Tensor, window: Window) -> Float[Tensor, "b 3 H W"]:
        """What was `seen`, with what the planes make of it in `window`, which counts pixels."""
        raw = unfolded(planes, self.config.fold)  # (b, 3, h, w) of the window
        if self.config.fill == "none":
            return window.put(raw, picture.to(raw.dtype))
        return window.put(window.of(picture) + raw.float(), picture)


class LeanLevel(nn.Module):
    """`Level`; of a decoder level, `split` is how many channels come from the smaller map and `scale` its factor."""

    def __init__(self, level: Level, *, zeroed: bool, split: int = 0, scale: int = 1) -> None:
        super().__init__()
        self.scale = scale
        self.convolution = _lean(
            level.convolution, split=split, scale=scale, norm=level.norm, slope=level.slope, zeroed=zeroed
        )
        self.blocks = nn.ModuleList(LeanResidual(cast(PartialResidual, block), zeroed) for block in level.blocks)

    def forward(self, x: Float[Tensor, "b c h w"], valid: Valid) -> tuple[Float[Tensor, "b d h2 w2"], Valid]:
        """As `Level.forward`."""
        return self._through_blocks(*self.convolution(x, valid))

    def joined(self, x: Tensor, valid: Valid, skip: tuple[Tensor, Valid]) -> tuple[Tensor, Valid]:
        """As `joined`, then `Level.forward`."""
        return self._through_blocks(*_joined(self.convolution, x, valid, skip, self.scale))

    def _through_blocks(self, x: Tensor, valid: Valid) -> tuple[Tensor, Valid]:
        for block in self.blocks:
            x, valid = block(x, valid)
        return x, valid


class LeanResidual(nn.Module):
    """`PartialResidual`."""

    def __init__(self, block: PartialResidual, zeroed: bool) -> None:
        super().__init__()
        self.first = LeanPartialConvolution(block.first, norm=block.norm, slope=0.2, zeroed=zeroed)
        self.second = LeanPartialConvolution(block.second, zeroed=zeroed)

    def forward(self, x: Float[Tensor, "b c h w"], valid: Valid) -> tuple[Float[Tensor, "b c h w"], Valid]:
        """As `PartialResidual.forward`; `x` is added to in place."""
        y, grown = self.first(F.leaky_relu(x, 0.2), valid)
        y, grown = self.second(y, grown)
        return x.add_(y), grown


def _part(window: Window, valid: Valid) -> Valid:
    return None if valid is None else window.of(valid)


def _lean(
    layer: PartialConvolution, *, split: int, scale: int, norm: nn.Module | None = None, slope: float = 1.0,
    zeroed: bool,
) -> LeanPartialConvolution:  # fmt: skip
    """The cheaper of both forms for a convolution that may see the smaller map beside the larger one."""
    if split and scale == 2 and layer.kernel == 3:
        return LeanJoinedConvolution(layer, split=split, norm=norm, slope=slope, zeroed=zeroed)
    return LeanPartialConvolution(layer, norm=norm, slope=slope, zeroed=zeroed)


def _joined(
    convolution: LeanPartialConvolution, x: Tensor, valid: Valid, skip: tuple[Tensor, Valid], scale: int
) -> tuple[Tensor, Valid]:
    """`convolution` of the smaller map `x` beside `skip`."""
    if isinstance(convolution, LeanJoinedConvolution):
        return convolution.joined(x, valid, skip)
    features, planes = convolution(*joined(x, valid, skip, scale))
    return features, planes
