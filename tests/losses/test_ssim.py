"""SSIM loss: the metric itself on full holes, no weight without a hole, the same for each share of hole."""

from __future__ import annotations

import pytest
import torch

from showface.losses.ssim import ssim_loss
from showface.metrics.ssim import ssim

PICTURES = torch.randint(0, 256, (2, 2, 3, 24, 20), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def signal(levels: torch.Tensor) -> torch.Tensor:
    return levels.float() / 127.5 - 1


def test_equals_the_metric_where_all_is_hidden() -> None:
    picture, truth = PICTURES
    loss = ssim_loss(signal(picture), signal(truth), torch.ones(2, 1, 24, 20))
    assert loss.item() == pytest.approx(1 - ssim(picture, truth).mean().item(), abs=1e-5)


def test_a_picture_without_a_hole_counts_nothing() -> None:
    picture, truth = PICTURES
    mask = torch.ones(2, 1, 24, 20)
    mask[1] = 0
    alone = ssim_loss(signal(picture[:1]), signal(truth[:1]), mask[:1])
    both = ssim_loss(signal(picture), signal(truth), mask)
    torch.testing.assert_close(both, alone / 2)


def test_half_a_hole_doubles_the_weight_of_what_is_wrong() -> None:
    picture, truth = PICTURES
    mask = torch.ones(2, 1, 24, 20)
    half = mask.clone()
    half[..., 10:] = 0
    args = signal(picture), signal(truth)
    torch.testing.assert_close(ssim_loss(*args, half), 2 * ssim_loss(*args, mask))


def test_its_gradient_makes_pictures_more_alike() -> None:
    truth = signal(PICTURES[0])
    guess = (truth * 0.3).requires_grad_()
    mask = torch.ones(2, 1, 24, 20)
    before = ssim_loss(guess, truth, mask)
    before.backward()
    assert guess.grad is not None
    assert ssim_loss(guess.detach() - 20 * guess.grad, truth, mask) < before
