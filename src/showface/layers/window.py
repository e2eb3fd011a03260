"""The part of feature maps that a hole depends on: what lies further away need not be computed.

A window counts the cells of one map, rows `top` to `bottom` and columns `left` to `right`, ends excluded. A convolution
that computes only a window is wrong along those of its sides that are not the map's, by as many cells as it looks far;
so each layer gets a window that is larger than the next one's by that much.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor


class Window(NamedTuple):
    """Cells of a map of `height` x `width`."""

    top: int
    bottom: int
    left: int
    right: int
    height: int
    width: int

    def of(self, x: Shaped[Tensor, "b c h w"]) -> Shaped[Tensor, "b c h2 w2"]:
        """These cells of a whole map."""
        return x if self.is_whole else x[..., self.top : self.bottom, self.left : self.right]

    def put(self, part: Float[Tensor, "b c h2 w2"], x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """`x` with `part` in place of these cells."""
        if self.is_whole:
            return part
        result = x.clone()
        self.of(result).copy_(part)
        return result

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole map."""
        return (self.top, self.left, self.bottom, self.right) == (0, 0, self.height, self.width)

    def within(self, other: Window) -> Window:
        """The same cells, counted from the first of `other`, which holds them."""
        return Window(
            self.top - other.top, self.bottom - other.top, self.left - other.left, self.right - other.left,
            other.bottom - other.top, other.right - other.left,
        )  # fmt: skip

    def grown(self, cells: int) -> Window:
        """With `cells` more at each side, where the map has them."""
        return Window(
            max(0, self.top - cells), min(self.height, self.bottom + cells),
            max(0, self.left - cells), min(self.width, self.right + cells), self.height, self.width,
        )  # fmt: skip

    def reduced(self, scale: int) -> Window:
        """In a map `scale` times smaller: all cells that these have a part in."""
        return Window(
            self.top // scale, -(-self.bottom // scale), self.left // scale, -(-self.right // scale),
            self.height // scale, self.width // scale,
        )  # fmt: skip

    def enlarged(self, scale: int) -> Window:
        """In a map `scale` times larger."""
        return Window(*(scale * side for side in self))


def whole(x: Shaped[Tensor, "b c h w"]) -> Window:
    """The window that leaves nothing out."""
    height, width = x.shape[2], x.shape[3]
    return Window(0, height, 0, width, height, width)


def hole_window(mask: Float[Tensor, "b 1 h w"]) -> Window:
    """The smallest that holds the holes (1) of all pictures; one pixel if there are none, and all that is traced."""
    everything = whole(mask)
    if torch.compiler.is_compiling():  # the size of what is computed must not depend on what is in the hole
        return everything
    hidden = mask.amax(dim=(0, 1)) > 0.5  # (h, w)
    rows, columns = (hidden.any(dim=dim).nonzero()[:, 0].tolist() for dim in (1, 0))
    if not rows:
        return everything._replace(bottom=1, right=1)
    return everything._replace(top=rows[0], bottom=rows[-1] + 1, left=columns[0], right=columns[-1] + 1)


def windows_before(last: Window, steps: Sequence[tuple[int, int]]) -> list[Window]:
    """For a chain of steps, first to last, what each has to compute so that `last`, a window of the last map, is right.

    A step up-samples its map by its first number and then looks as far as its second. Its window, in cells of the map
    that it makes, reaches to whole cells of the map that it was given.
    """
    found: list[Window] = []
    for scale, reach in reversed(steps):
        last = last.grown(reach).reduced(scale).enlarged(scale)
        found.append(last)
        last = last.reduced(scale)
    return found[::-1]


def any_false(mask: Tensor) -> bool:
    """Whether a 0/1 mask has a 0 anywhere. Of a mask that is only traced nothing is known, so the answer is yes."""
    return torch.compiler.is_compiling() or not bool(mask.all())
