from __future__ import annotations

import pytest
import torch

from showface.metrics.parts import part_overlap

HOLE = torch.zeros(1, 1, 20, 20, dtype=torch.bool)
HOLE[..., 5:15, 5:15] = True


def maps() -> torch.Tensor:
    truth = torch.ones(1, 20, 20, dtype=torch.int64)
    truth[:, 5:15, 5:10] = 7  # half of the hole
    return truth


def test_equal_maps_overlap_wholly_and_outside_the_hole_nothing_counts() -> None:
    other = maps()
    other[:, :5] = 3
    assert part_overlap(other, maps(), HOLE).tolist() == [1.0]


def test_a_part_that_moved() -> None:
    """7 takes columns 6 to 10: it meets four of six columns, and 1 meets four of six."""
    moved = torch.ones_like(maps())
    moved[:, 5:15, 6:11] = 7
    assert part_overlap(moved, maps(), HOLE).item() == pytest.approx(4 / 6)
    assert part_overlap(torch.ones_like(maps()), maps(), HOLE).item() == pytest.approx((0 + 0.5) / 2)


def test_stray_pixels_of_the_truth_do_not_count() -> None:
    stray = torch.ones_like(maps())
    truth = stray.clone()
    hole = torch.ones(1, 1, 20, 20, dtype=torch.bool)
    truth[:, 0, :3] = 5  # 3 of 400
    assert part_overlap(stray, truth, hole).item() == pytest.approx(397 / 400)


def test_parts_shown_in_vain_take_from_the_others() -> None:
    vain = maps()
    vain[:, 5:15, 10:15] = 2
    assert part_overlap(vain, maps(), HOLE).item() == pytest.approx(0.5)
