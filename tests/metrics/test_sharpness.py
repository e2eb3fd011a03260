from __future__ import annotations

import pytest
import torch
from torch.nn.functional import avg_pool2d

from showface.metrics.sharpness import gradient_inside, sharpness


def holes(count: int = 1) -> torch.Tensor:
    mask = torch.zeros(count, 1, 32, 32, dtype=torch.bool)
    mask[..., 8:24, 8:24] = True
    return mask


def test_a_ramp_has_its_slope_everywhere() -> None:
    ramp = (torch.arange(32) * 3).to(torch.uint8).expand(1, 3, 32, 32)
    assert gradient_inside(ramp, holes()).item() == pytest.approx(3)
    assert gradient_inside(ramp.transpose(2, 3), holes()).item() == pytest.approx(3)
    both = (torch.arange(32)[:, None] * 3 + torch.arange(32) * 4).to(torch.uint8).expand(1, 3, 32, 32)
    assert gradient_inside(both, holes()).item() == pytest.approx(5)


def test_only_the_hole_counts_and_colours_by_their_luma() -> None:
    picture = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    picture[:, 1, :, :4] = 200  # far outside
    assert gradient_inside(picture, holes()).item() == 0
    green = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    green[:, 1] = (torch.arange(32) * 4).to(torch.uint8)
    assert gradient_inside(green, holes()).item() == pytest.approx(4 * 0.587)


def test_the_truth_is_as_sharp_as_itself_and_blur_is_less() -> None:
    truth = torch.randint(0, 256, (2, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    blurred = avg_pool2d(truth.float(), 5, 1, 2).to(torch.uint8)
    true, soft = (gradient_inside(picture, holes(2)) for picture in (truth, blurred))
    assert torch.equal(sharpness(true, true), torch.ones(2, dtype=torch.float64))
    assert (sharpness(soft, true) < 0.4).all()


def test_of_a_plain_truth_there_is_no_ratio() -> None:
    values = sharpness(torch.tensor([3.0, 3.0]), torch.tensor([0.1, 1.5]))
    assert values[0].isnan() and values[1].item() == 2
