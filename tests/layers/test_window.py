"""A chain of convolutions over windows equals the chain over whole maps, where it was asked to."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from showface.layers.window import Window, hole_window, whole, windows_before

SIDES = (24, 40)


def test_the_smallest_window_of_all_holes() -> None:
    mask = torch.zeros(2, 1, *SIDES)
    assert hole_window(mask)[:4] == (0, 1, 0, 1), "nothing is hidden"
    mask[0, 0, 3, 7] = mask[1, 0, 9, 5] = 1
    assert hole_window(mask) == (3, 10, 5, 8, *SIDES)
    assert not hole_window(mask).is_whole and hole_window(torch.ones(1, 1, *SIDES)).is_whole


def test_cells_that_a_window_has_a_part_in() -> None:
    window = Window(3, 10, 4, 8, *SIDES)
    assert window.reduced(4) == (0, 3, 1, 2, 6, 10)
    assert window.reduced(4).enlarged(4) == (0, 12, 4, 8, *SIDES)
    assert window.grown(5) == (0, 15, 0, 13, *SIDES)
    assert window.within(window.grown(2)) == (2, 9, 2, 6, 11, 8)


def test_put_back_where_it_was_taken_from() -> None:
    x, window = torch.rand(1, 2, *SIDES), Window(3, 10, 5, 8, *SIDES)
    assert torch.equal(window.put(window.of(x), x), x)
    changed = window.put(torch.zeros(1, 2, 7, 3), x)
    assert (changed == 0).sum() == 2 * 7 * 3 and x.all(), "the map itself stays"


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_windows_are_large_enough(data: st.DataObject) -> None:
    """Three steps, each up-sampling two-fold and two convolutions of 3 x 3 behind it."""
    torch.manual_seed(0)
    kernels = [[torch.randn(2, 2, 3, 3) for _ in range(2)] for _ in range(3)]
    x = torch.randn(1, 2, 4, 6)
    top, left = data.draw(st.integers(0, 31)), data.draw(st.integers(0, 47))
    bottom, right = data.draw(st.integers(top + 1, 32)), data.draw(st.integers(left + 1, 48))
    last = Window(top, bottom, left, right, 32, 48)

    def steps(x: torch.Tensor, windows: list[Window] | None) -> torch.Tensor:
        there = whole(x)
        for step, pair in enumerate(kernels):
            if windows is not None:
                x, there = windows[step].reduced(2).within(there).of(x), windows[step]
            x = F.interpolate(x, scale_factor=2.0)
            for kernel in pair:
                x = F.conv2d(x, kernel, padding=1)
        return last.within(there).of(x) if windows is not None else last.of(x)

    expected, got = steps(x, None), steps(x, windows_before(last, [(2, 2)] * 3))
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-3)
