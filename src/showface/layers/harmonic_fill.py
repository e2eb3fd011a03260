"""Harmonic fill: holes interpolated from their rims, without anything learnt.

Inside a hole the fill solves Laplace's equation with the known pixels as boundary values (a membrane spanned across the
hole), approximately: the picture is halved over known pixels only, filled at the coarsest size, and brought back with a
few relaxation sweeps at every size (cascadic multigrid). Where little is hidden it is hard to beat.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from showface.layers.window import Window, any_false, hole_window, whole

MOST_SWEEPS = 16  # at the coarser sizes, where a sweep costs next to nothing


def harmonic_fill(
    image: Float[Tensor, "b c h w"], mask: Float[Tensor, "b 1 h w"], *, sweeps: int = 4, window: Window | None = None
) -> Float[Tensor, "b c h w"]:
    """`image` (any range) with the holes of `mask` (1 = hole) filled; what the hole's pixels held does not matter.

    `sweeps` at full size, twice as many at each smaller one. Without a known pixel the fill is 0. float32.
    `window`, where it is known (`hole_window`), holds all holes: less is computed, and no bit of the result changes.
    To torch.compile the fill is one operation, which on a CPU finds the window itself: its sweeps, unrolled, would take
    longer to compile than all the network.
    """
    if torch.compiler.is_compiling() and not torch.compiler.is_exporting():
        filled: Tensor = _as_one_operation(image.detach(), mask, sweeps)
        return filled
    return _filled(image, mask, sweeps, window)


@torch.library.custom_op(
    "showface::harmonic_fill", mutates_args=(), schema="(Tensor image, Tensor mask, int sweeps) -> Tensor"
)
def _as_one_operation(image: Tensor, mask: Tensor, sweeps: int) -> Tensor:
    window = hole_window(mask) if mask.device.type == "cpu" else None  # a GPU would have to be waited for
    return _filled(image, mask, sweeps, window).contiguous()


@_as_one_operation.register_fake
def _(image: Tensor, mask: Tensor, sweeps: int) -> Tensor:
    return torch.empty_like(image, dtype=torch.float32, memory_format=torch.contiguous_format)


@torch.no_grad()
def _filled(
    image: Float[Tensor, "b c h w"], mask: Float[Tensor, "b 1 h w"], sweeps: int, window: Window | None
) -> Float[Tensor, "b c h w"]:
    hole = mask > 0.5
    known, values = [~hole], [image.float().masked_fill(hole, 0.0)]
    while (hidden := window is None or any_false(known[-1])) and _can_be_halved(known[-1]):
        half, any_known = _halved(values[-1], known[-1])
        values.append(half)
        known.append(any_known)
    if hidden:
        share = known[-1].float().mean(dim=(2, 3), keepdim=True)
        filled = values[-1].mean(dim=(2, 3), keepdim=True) / share.clamp_min(1e-6)  # the mean of what is known
        filled = filled.expand_as(values[-1])
    else:  # a size at which all is known: no sweep would change it
        filled = values.pop()
    window = window or whole(mask)
    for level in reversed(range(len(values))):
        part = window.reduced(2**level).grown(1)  # in its own cells; what is known around the hole is its rim
        start = part.of(filled) if filled.shape == values[level].shape else _doubled(filled, part)
        relaxed = _relaxed(part.of(values[level]), part.of(known[level]), start, min(MOST_SWEEPS, sweeps * 2**level))
        filled = part.put(relaxed, values[level])
    return filled


def _can_be_halved(known: Bool[Tensor, "b 1 h w"]) -> bool:
    return min(known.shape[2:]) > 2 and not any(side % 2 for side in known.shape[2:])


def _doubled(x: Float[Tensor, "b c h w"], part: Window) -> Float[Tensor, "b c h2 w2"]:
    """`part` of `x` at twice its size, interpolated."""
    near = part.reduced(2).grown(1)
    return part.within(near.enlarged(2)).of(F.interpolate(near.of(x), scale_factor=2.0, mode="bilinear"))


def _relaxed(
    values: Float[Tensor, "b c h w"], known: Bool[Tensor, "b 1 h w"], start: Float[Tensor, "b c h w"], sweeps: int
) -> Float[Tensor, "b c h w"]:
    """`start` after `sweeps` in which each unknown cell, 0 in `values`, takes the mean of its neighbours; a view."""
    filled, quarter = torch.where(known, values, start), (~known).float() / 4
    if torch.compiler.is_compiling():  # an export has a hundred sweeps in its graph: three steps each, not eight
        cross = values.new_tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]).expand(values.shape[1], 1, 3, 3)
        for _ in range(sweeps):
            filled = torch.addcmul(values, F.conv2d(_continued(filled), cross, groups=values.shape[1]), quarter)
        return filled
    padded, (height, width) = _continued(filled), filled.shape[2:]
    inner, above, below = (padded[..., rows, 1:-1] for rows in (slice(1, -1), slice(-2), slice(2, None)))
    left, right = padded[..., 1:-1, :-2], padded[..., 1:-1, 2:]
    outer_rows, rim_rows = padded[..., :: height + 1, :], padded[..., 1:-1, :][..., :: max(1, height - 1), :]
    outer_columns, rim_columns = padded[..., :: width + 1], padded[..., 1:-1][..., :: max(1, width - 1)]
    total = torch.empty_like(filled)
    for _ in range(sweeps):  # making views takes as long as adding does where there is little: they are made once
        torch.add(above, below, out=total).add_(left).add_(right)
        torch.addcmul(values, total, quarter, out=inner)
        outer_rows.copy_(rim_rows)
        outer_columns.copy_(rim_columns)
    return inner


def _continued(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h+2 w+2"]:
    """A cell more on every side: at the border of the picture a cell stands in for its missing neighbour."""
    return F.pad(x, (1, 1, 1, 1), mode="replicate")


def _halved(
    values: Float[Tensor, "b c h w"], known: Bool[Tensor, "b 1 h w"]
) -> tuple[Float[Tensor, "b c h2 w2"], Bool[Tensor, "b 1 h2 w2"]]:
    """The mean over the known ones of each 2 x 2 pixels; `values` are 0 where nothing is known."""
    share = F.avg_pool2d(known.float(), 2)
    return F.avg_pool2d(values, 2) / share.clamp_min(0.25), share > 0
