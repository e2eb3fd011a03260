from __future__ import annotations

import numpy as np
import pytest
import torch

from showface.evaluation.occlusions.crops import Square, cut_out, square_round, squares_round


def hole(size: int, *boxes: tuple[int, int, int, int]) -> np.ndarray:
    """Boxes of left, top, width, height."""
    mask = np.zeros((size, size), dtype=bool)
    for left, top, width, height in boxes:
        mask[top : top + height, left : left + width] = True
    return mask


def test_small_parts_get_a_quarter_of_the_picture_and_large_ones_their_longer_side() -> None:
    assert squares_round(hole(256, (100, 120, 20, 10))) == [Square(78, 93, 64)]
    assert squares_round(hole(512, (200, 240, 40, 20))) == [Square(156, 186, 128)]
    assert squares_round(hole(256, (50, 120, 120, 90))) == [Square(50, 105, 120)]


def test_two_eyes_are_two_crops_from_left_to_right() -> None:
    both = squares_round(hole(256, (140, 110, 36, 30), (80, 110, 36, 30)))
    assert both == [Square(66, 93, 64), Square(126, 93, 64)]


@pytest.mark.parametrize("left, top", [(0, 0), (246, 0), (0, 246), (246, 246)])
def test_at_borders_the_square_moves_inside(left: int, top: int) -> None:
    (square,) = squares_round(hole(256, (left, top, 10, 10)))
    assert square == Square(min(left, 192), min(top, 192), 64)


def test_as_large_as_the_picture_but_no_larger() -> None:
    mask = hole(64, (10, 0, 54, 64))
    assert squares_round(mask) == [Square(0, 0, 64)]
    assert square_round(mask, 2.0) == Square(0, 0, 64)
    assert square_round(hole(100, (40, 40, 20, 10)), 0.1, margin=0.5) == Square(35, 30, 30)


def test_islands_are_left_out() -> None:
    mask = hole(256, (60, 60, 60, 60), (200, 200, 18, 18), (200, 20, 20, 20))
    assert [(square.left, square.top) for square in squares_round(mask)] == [(58, 58), (178, 0)]


def test_crops_come_in_one_size_and_hold_what_they_should() -> None:
    picture = torch.zeros(3, 256, 256, dtype=torch.uint8)
    picture[0, 10:74, 20:84] = 200
    picture[1, 100:228, 100:228] = 90
    crops = cut_out(picture, [Square(20, 10, 64), Square(100, 100, 128)])
    assert crops.shape == (2, 3, 128, 128) and crops.dtype == torch.uint8
    assert (crops[0, 0] == 200).all() and (crops[1, 1] == 90).all()
    assert torch.equal(crops[1], picture[:, 100:228, 100:228])


def test_what_shrinks_is_antialiased() -> None:
    stripes = ((torch.arange(256) % 2) * 255).to(torch.uint8).expand(3, 256, 256)
    inner = cut_out(stripes, [Square(0, 0, 256)])[0, :, 8:-8, 8:-8].float()
    assert (inner - 127.5).abs().max() < 8
