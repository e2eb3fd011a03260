from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from showface.losses.reconstruction import reconstruction_loss


def test_known_answer_divides_by_all_pixels() -> None:
    raw, truth = torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    raw[..., 0, 0] = 0.8  # the only hole pixel
    raw[..., 1, 1] = -0.4  # a visible one
    mask = torch.zeros(1, 1, 2, 2)
    mask[..., 0, 0] = 1
    loss = reconstruction_loss(raw, truth, mask)
    torch.testing.assert_close(loss.hole, torch.tensor(0.2))
    torch.testing.assert_close(loss.valid, torch.tensor(0.1))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**16), share=st.sampled_from((0.0, 0.3, 1.0)))
def test_both_halves_sum_to_the_plain_mean(seed: int, share: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    raw, truth = torch.rand(2, 2, 3, 5, 4, generator=generator)
    mask = (torch.rand(2, 1, 5, 4, generator=generator) < share).float()
    loss = reconstruction_loss(raw, truth, mask)
    torch.testing.assert_close(loss.valid + loss.hole, (raw - truth).abs().mean())


def test_gradient_of_each_half_stays_on_its_side() -> None:
    raw = torch.rand(1, 3, 4, 4, requires_grad=True)
    mask = torch.zeros(1, 1, 4, 4)
    mask[..., :2] = 1
    reconstruction_loss(raw, torch.zeros(1, 3, 4, 4) - 1, mask).hole.backward()
    assert raw.grad is not None
    torch.testing.assert_close(raw.grad, mask.expand(1, 3, 4, 4) / 48)


def test_bfloat16_is_reduced_in_float32() -> None:
    raw = torch.full((1, 3, 64, 64), 0.5, dtype=torch.bfloat16)
    loss = reconstruction_loss(raw, torch.zeros(1, 3, 64, 64), torch.ones(1, 1, 64, 64))
    assert loss.hole.dtype == torch.float32
    assert loss.hole.item() == 0.5


def test_region_average_does_not_depend_on_the_size_of_the_hole() -> None:
    raw, truth = torch.full((2, 3, 4, 4), 0.25), torch.zeros(2, 3, 4, 4)
    mask = torch.zeros(2, 1, 4, 4)
    mask[0, :, 0, 0] = 1  # one pixel in the first picture, three rows in the second
    mask[1, :, :3] = 1
    loss = reconstruction_loss(raw, truth, mask, average="region")
    torch.testing.assert_close(loss.hole, torch.tensor(0.25))
    torch.testing.assert_close(loss.valid, torch.tensor(0.25))


def test_region_average_of_a_missing_region_is_zero() -> None:
    raw = torch.ones(1, 3, 4, 4, requires_grad=True)
    loss = reconstruction_loss(raw, torch.zeros(1, 3, 4, 4), torch.ones(1, 1, 4, 4), average="region")
    loss.valid.backward()
    assert loss.valid.item() == 0 and raw.grad is not None and not raw.grad.any()
    torch.testing.assert_close(loss.hole, torch.tensor(1.0))


def test_a_squared_share_pulls_from_the_median_to_the_mean() -> None:
    """Of three equally likely truths L1 asks for the middle one, squares for their mean."""
    truth, mask = torch.tensor([0.0, 0.1, 0.8]).view(3, 1, 1, 1).expand(3, 3, 2, 2), torch.ones(3, 1, 2, 2)
    guesses = torch.linspace(0, 0.8, 81)

    def best(squared: float) -> float:
        losses = [reconstruction_loss(torch.full_like(truth, g), truth, mask, squared=squared).hole for g in guesses]
        return float(guesses[int(torch.stack(losses).argmin())])

    assert best(0.0) == pytest.approx(0.1)
    assert best(1e4) == pytest.approx(0.3)
    assert 0.1 < best(2.0) < 0.3
