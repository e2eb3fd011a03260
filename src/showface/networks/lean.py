"""MDRNets in its lean form: equal to what was trained, up to rounding, and quicker on one face (docs/speed.md).

    lean(network)    a network for use; `network` itself, and what is saved of it, stays as it is

Besides the lean layers (`layers/lean.py`): all weights in the order that convolutions on a CPU like best
(channels_last), the parser reads off only the cells that are asked for, and masked correlation mining computes only
the patches in the hole, as one operation to torch.compile.
"""

from __future__ import annotations

import copy
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from showface.layers.correlation import Correlation
from showface.layers.folding import unfolded
from showface.layers.harmonic_fill import harmonic_fill
from showface.layers.lean import (
    LeanJoinedConvolution,
    LeanPartialConvolution,
    LeanSpade,
    as_one,
    round_convolutions,
    without_batch_norm,
    without_spectral_norm,
)
from showface.layers.partial_convolution import PartialConvolution
from showface.layers.spade import SLOPE, Spade
from showface.layers.window import Window, hole_window, whole, windows_before
from showface.networks.coarse import CoarseNetwork, Level, PartialResidual, Valid, folded_picture, joined, seen
from showface.networks.face_parser import FaceParser
from showface.networks.guided_refinement import Brought, GuidedRefinement, base_of
from showface.networks.mask_region_enhanced import Details, MaskRegionEnhanced, fuse, mined
from showface.networks.mdrnets import MDRNets


@torch.no_grad()
def lean(network: MDRNets, dtype: torch.dtype | None = None) -> MDRNets:
    """`network`, in evaluation mode, in its lean form on the same device; for use only, without gradients.

    Weights that need no change are shared. Those of `network` are put into channels_last order, which changes no value.
    `dtype` rounds what convolutions multiply by and add: such a form is for use under autocast to the same `dtype`
    alone, which then need not round it each time.
    """
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    shared = [*network.named_parameters(), *network.named_buffers()]
    memo = {id(tensor): tensor for name, tensor in shared if "parametrizations" not in name}
    made = copy.deepcopy(network, memo).eval().requires_grad_(False)
    without_spectral_norm(made)
    without_batch_norm(made.parser)
    _replace(made, "coarse", LeanCoarse(made.coarse))
    if isinstance(made.parser, FaceParser):
        _replace(made, "parser", LeanFaceParser(made.parser))
    _replace(made, "mask_region", LeanMaskRegion(made.mask_region))
    _replace(made, "refinement", LeanRefinement(made.refinement))
    made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if dtype is not None:
        round_convolutions(made, dtype)
    return made


def _replace(parent: nn.Module, name: str, child: nn.Module) -> None:
    setattr(parent, name, child)


class LeanCoarse(nn.Module):
    """`CoarseNetwork`: features masked once, decoder levels take the smaller map as it is, head and gate are one.

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
        last = [coarse.head] if coarse.gate is None else [coarse.head, coarse.gate]
        self.last = _lean(last, split=widths[0], scale=config.strides[0], zeroed=zeroed)

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
        return self._picture(planes, picture, mask, last.enlarged(self.config.fold))

    def _windows(self, hole: Window) -> list[Window]:
        """What every decoder level, innermost first, and the last convolution compute, in cells of their maps."""
        config = self.config
        blocks = zip(config.strides[:0:-1], config.decoder_blocks[::-1], strict=True)
        steps = [(scale, 1 + 2 * count) for scale, count in blocks] + [(config.strides[0], 1)]
        return windows_before(hole.reduced(config.fold), steps)

    def _picture(
        self, planes: Float[Tensor, "b p h w"], picture: Tensor, mask: Tensor, window: Window
    ) -> Float[Tensor, "b 3 H W"]:
        """What was `seen`, with what the planes make of it in `window`, which counts pixels."""
        fold = self.config.fold
        raw = unfolded(planes[:, : 3 * fold**2], fold)  # (b, 3, h, w) of the window
        if self.config.fill == "none":
            return window.put(raw, picture.to(raw.dtype))
        if self.config.fill == "input":
            return window.put(window.of(picture) + raw.float(), picture)
        filled = harmonic_fill(picture, mask, window=hole_window(mask))
        gate = unfolded(planes[:, 3 * fold**2 :], fold).sigmoid()  # (b, 1, h, w)
        return window.put(torch.lerp(raw.float(), window.of(filled), gate.float()), filled)


class LeanLevel(nn.Module):
    """`Level`; of a decoder level, `split` is how many channels come from the smaller map and `scale` its factor."""

    def __init__(self, level: Level, *, zeroed: bool, split: int = 0, scale: int = 1) -> None:
        super().__init__()
        self.scale = scale
        self.convolution = _lean(
            [level.convolution], split=split, scale=scale, norm=level.norm, slope=level.slope, zeroed=zeroed
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
        self.first = LeanPartialConvolution([block.first], norm=block.norm, slope=0.2, zeroed=zeroed)
        self.second = LeanPartialConvolution([block.second], zeroed=zeroed)

    def forward(self, x: Float[Tensor, "b c h w"], valid: Valid) -> tuple[Float[Tensor, "b c h w"], Valid]:
        """As `PartialResidual.forward`; `x` is added to in place."""
        y, grown = self.first(F.leaky_relu(x, 0.2), valid)
        y, grown = self.second(y, grown)
        return x.add_(y), grown


def _part(window: Window, valid: Valid) -> Valid:
    return None if valid is None else window.of(valid)


def _lean(
    layers: list[PartialConvolution], *, split: int, scale: int, norm: nn.Module | None = None, slope: float = 1.0,
    zeroed: bool,
) -> LeanPartialConvolution:  # fmt: skip
    """The cheaper of both forms for a convolution that may see the smaller map beside the larger one."""
    if split and scale == 2 and layers[0].kernel == 3:
        return LeanJoinedConvolution(layers, split=split, norm=norm, slope=slope, zeroed=zeroed)
    return LeanPartialConvolution(layers, norm=norm, slope=slope, zeroed=zeroed)


def _joined(
    convolution: LeanPartialConvolution, x: Tensor, valid: Valid, skip: tuple[Tensor, Valid], scale: int
) -> tuple[Tensor, Valid]:
    """`convolution` of the smaller map `x` beside `skip`."""
    if isinstance(convolution, LeanJoinedConvolution):
        return convolution.joined(x, valid, skip)
    features, planes = convolution(*joined(x, valid, skip, scale))
    return features, planes


class LeanFaceParser(nn.Module):
    """`FaceParser`, its batch norms gone: where a cell of the map is a cell of the features, only the logits of the
    sub-pixel at its centre are computed."""

    def __init__(self, parser: FaceParser) -> None:
        super().__init__()
        self.parser, finer = parser, parser.config.finer
        centre = finer // 2 * (finer + 1)  # of the sub-pixels of a cell, row by row
        assert parser.head.bias is not None
        self.register_buffer("weight", parser.head.weight[centre :: finer**2].contiguous())
        self.register_buffer("bias", parser.head.bias[centre :: finer**2].contiguous())

    weight: Tensor
    bias: Tensor

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 14 h2 w2"]:
        """As `FaceParser.forward`."""
        logits: Tensor = self.parser(image)
        return logits

    def semantic_map(
        self, image: Float[Tensor, "b 3 h w"], size: int | tuple[int, int]
    ) -> Int64[Tensor, "b small_h small_w"]:
        """As `FaceParser.semantic_map`."""
        features = self.parser.features(image)
        if tuple(features.shape[2:]) == ((size, size) if isinstance(size, int) else size):
            return F.conv2d(features, self.weight, self.bias).argmax(dim=1)
        logits = F.pixel_shuffle(self.parser.head(features), self.parser.config.finer)
        return self.parser.map_of(logits, size)


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
        settings = (config.patch, config.stride, config.correlation, config.mask_keys)
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
    "bool mask_keys) -> Tensor",
)
def _mined_holes(
    left: Tensor, right: Tensor, value: Tensor, mask: Tensor, hidden: Tensor, patch: int, stride: int,
    kind: Correlation, mask_keys: bool,
) -> Tensor:  # fmt: skip
    """`mined` as one operation for torch.compile, which would have to know how many patches have a hole."""
    update = mined(left, right, value, mask, hidden, patch, stride, kind, mask_keys)
    return update.contiguous(memory_format=torch.channels_last)


@_mined_holes.register_fake
def _(left: Tensor, right: Tensor, value: Tensor, mask: Tensor, hidden: Tensor, *settings: object) -> Tensor:
    made = value.new_empty(left.shape[0], value.shape[1], left.shape[2], left.shape[3])
    return made.contiguous(memory_format=torch.channels_last)


class LeanRefinement(nn.Module):
    """`GuidedRefinement` with each SPADE's two convolutions in one, whose decoder computes what the hole depends on."""

    def __init__(self, refinement: GuidedRefinement) -> None:
        super().__init__()
        self.full = refinement
        for module in list(refinement.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, Spade):
                    _replace(module, name, LeanSpade(child))

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
        hole = hole_window(mask)
        if config.spade_norm == "instance":  # whose means are those of the whole map
            hole = whole(mask)
        spade, gated = 2 * (config.spade_kernel // 2), max(1, config.gate_kernel // 2)
        before_the_head = hole.reduced(config.fold).grown(1)
        return windows_before(before_the_head, [(2, 2 * gated + spade)] * len(config.decoder_widths))
