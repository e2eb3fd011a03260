"""Pattern loss: what repeats in every cell counts, what does not averages out; each share of hole counts alike."""

from __future__ import annotations

import pytest
import torch

from showface.losses.pattern import pattern_loss

TRUTH = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0)) - 0.5
FULL = torch.ones(2, 1, 96, 96)


def dots(period: int, strength: float = 0.1) -> torch.Tensor:
    """One bright pixel in every cell."""
    picture = torch.zeros(1, 1, 96, 96)
    picture[..., ::period, ::period] = strength
    return picture


def test_the_truth_has_none() -> None:
    assert pattern_loss(TRUTH, TRUTH, FULL) == 0


def test_dots_in_every_cell_count_by_the_square_of_their_strength() -> None:
    one = pattern_loss(TRUTH + dots(4), TRUTH, FULL)
    # high-passed, a dot keeps 0.96 of itself (a fraction less where a box of 5 px reaches a second one): variance over
    # the 16 pixels of a cell close to 0.1^2 * (1/16 - 1/256)
    assert one.item() == pytest.approx(0.1**2 * (1 / 16 - 1 / 256), rel=0.15)
    torch.testing.assert_close(pattern_loss(TRUTH + dots(4, 0.2), TRUTH, FULL), 4 * one)


@pytest.mark.parametrize("other", [3, 5])
def test_dots_at_another_distance_average_out(other: int) -> None:
    here = pattern_loss(TRUTH + dots(4), TRUTH, FULL)
    assert pattern_loss(TRUTH + dots(other), TRUTH, FULL) < 0.05 * here
    assert pattern_loss(TRUTH + dots(other), TRUTH, FULL, period=other) > 0.5 * here


def test_noise_and_flat_errors_hardly_count() -> None:
    noise = 0.1 * torch.randn(TRUTH.shape, generator=torch.Generator().manual_seed(1))
    assert pattern_loss(TRUTH + noise, TRUTH, FULL) < 0.05 * noise.square().mean()
    assert pattern_loss(TRUTH + 0.3, TRUTH, FULL).item() == pytest.approx(0, abs=1e-9)


def test_half_a_hole_counts_about_as_much_as_a_whole_one() -> None:
    half = FULL.clone()
    half[..., 48:] = 0
    whole = pattern_loss(TRUTH + dots(4), TRUTH, FULL)
    assert pattern_loss(TRUTH + dots(4) * half, TRUTH, half).item() == pytest.approx(whole.item(), rel=0.2)


def test_a_picture_without_a_hole_counts_nothing() -> None:
    mask = FULL.clone()
    mask[1] = 0
    alone = pattern_loss(TRUTH[:1] + dots(4), TRUTH[:1], mask[:1])
    torch.testing.assert_close(pattern_loss(TRUTH + dots(4) * mask, TRUTH, mask), alone / 2)


def test_any_size_is_taken_and_the_gradient_fades_the_dots() -> None:
    truth = TRUTH[..., :95, :90]
    guess = (truth + dots(4)[..., :95, :90]).requires_grad_()
    before = pattern_loss(guess, truth, FULL[..., :95, :90])
    before.backward()
    assert guess.grad is not None
    assert pattern_loss(guess.detach() - 1000 * guess.grad, truth, FULL[..., :95, :90]) < before
