from __future__ import annotations

import torch

from showface.losses.total_variation import total_variation_loss


def one_hole(size: int = 8, at: tuple[int, int] = (3, 4)) -> torch.Tensor:
    mask = torch.zeros(1, 1, size, size)
    mask[0, 0, at[0], at[1]] = 1
    return mask


def test_known_answer_of_a_single_bright_pixel() -> None:
    completed = torch.zeros(1, 3, 8, 8)
    completed[:, :, 3, 4] = 1
    loss = total_variation_loss(completed, one_hole())
    torch.testing.assert_close(loss, torch.tensor(4 * 3 / (3 * 64)))


def test_gradient_lives_in_the_dilated_hole_only() -> None:
    completed = torch.randn(1, 3, 8, 8, requires_grad=True)
    total_variation_loss(completed, one_hole()).backward()
    assert completed.grad is not None
    touched = completed.grad[0].abs().sum(dim=0) > 0
    outside = torch.ones(8, 8, dtype=torch.bool)
    outside[2:5, 3:6] = False
    assert touched[3, 4]
    assert not touched[outside].any()


def test_changes_outside_the_dilated_hole_do_not_count() -> None:
    first = torch.randn(1, 3, 8, 8)
    second = torch.randn(1, 3, 8, 8)
    second[..., 2:5, 3:6] = first[..., 2:5, 3:6]
    torch.testing.assert_close(
        total_variation_loss(first, one_hole()), total_variation_loss(second, one_hole()), rtol=0, atol=0
    )


def test_equals_naive_loops() -> None:
    completed = torch.randn(2, 3, 6, 5)
    mask = (torch.rand(2, 1, 6, 5) < 0.2).float()
    total = 0.0
    for b in range(2):
        hole = mask[b, 0].bool()
        near = {
            (y + dy, x + dx) for y, x in hole.nonzero().tolist() for dy in (-1, 0, 1) for dx in (-1, 0, 1)
        }  # may leave the picture, where no pixel asks
        for y in range(6):
            for x in range(5):
                for other in ((y + 1, x), (y, x + 1)):
                    if other[0] < 6 and other[1] < 5 and (y, x) in near and other in near:
                        total += (completed[b, :, y, x] - completed[b, :, other[0], other[1]]).abs().sum().item()
    torch.testing.assert_close(total_variation_loss(completed, mask), torch.tensor(total / completed.numel()))


def test_no_hole_is_zero_and_a_full_one_counts_everything() -> None:
    completed = torch.rand(1, 3, 4, 4)
    assert total_variation_loss(completed, torch.zeros(1, 1, 4, 4)).item() == 0
    everything = completed.diff(dim=2).abs().sum() + completed.diff(dim=3).abs().sum()
    torch.testing.assert_close(total_variation_loss(completed, torch.ones(1, 1, 4, 4)), everything / 48)
