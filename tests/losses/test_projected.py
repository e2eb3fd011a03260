"""Losses on maps of features and logits: known answers by hand, and only the cells that touch the hole count."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from showface.losses.projected import (
    look_at,
    matched_features_loss,
    opinion,
    projected_discriminator_hinge,
    projected_generator_hinge,
    told_apart,
    touched_cells,
    unmatched,
)


def mask_of(*rows: str, side: int = 8) -> Tensor:
    """Masks of 2 x 2 cells: "0100" has a hole of one pixel in the upper right cell, which makes that cell touched."""
    mask = torch.zeros(len(rows), 1, side, side)
    for picture, cells in enumerate(rows):
        for cell, holed in enumerate(cells):
            mask[picture, 0, side // 2 * (cell // 2) + 1, side // 2 * (cell % 2) + 1] = float(holed)
    return mask


def cells_of(*values: float) -> Tensor:
    """Maps of one channel and 2 x 2 cells, one for each four numbers."""
    return torch.tensor(values, dtype=torch.float32).view(-1, 1, 2, 2)


def test_a_single_pixel_touches_its_cell() -> None:
    assert touched_cells(mask_of("0100", "1001"), (2, 2)).flatten(1).tolist() == [[0, 1, 0, 0], [1, 0, 0, 1]]


def test_a_cell_that_shares_pixels_with_its_neighbour_is_touched_by_them() -> None:
    mask = torch.zeros(1, 1, 1, 5)
    mask[..., 2] = 1
    assert touched_cells(mask, (1, 2)).flatten().tolist() == [1, 1]


def test_the_generators_hinge_by_hand() -> None:
    """Picture 1: cells 2 and 3, mean -(0.5 - 1.5)/2 = 0.5. Picture 2: cell 0, -4. Each picture counts alike."""
    mask, logits = mask_of("0011", "1000"), cells_of(9, 9, 0.5, -1.5, 4, 9, 9, 9)
    assert projected_generator_hinge([logits], mask).item() == pytest.approx((0.5 - 4) / 2)
    flat = torch.full((2, 1, 1, 1), 3.0)  # a coarser map, whose cell both holes touch
    assert projected_generator_hinge([logits, flat], mask).item() == pytest.approx(((0.5 - 4) / 2 - 3) / 2)


def test_the_discriminators_hinge_by_hand() -> None:
    """Picture 1: cells 2 and 3: (1 - 0.5) + (1 - 3) and 0 + 0. Picture 2: cell 0: 2 + 1.5."""
    mask = mask_of("0011", "1000")
    real = cells_of(-9, -9, 0.5, 2, -1, -9, -9, -9)
    fake = cells_of(9, 9, -3, -1, 0.5, 9, 9, 9)
    assert projected_discriminator_hinge([real], [fake], mask).item() == pytest.approx((0.25 + 3.5) / 2)


def test_matched_features_by_hand() -> None:
    """Relative to the truth's own size in the same cells: 1/2 in the first picture, (0.5 + 1.5)/(1 + 3) in the second.

    The second layer is ten times as large and counts as much.
    """
    mask = mask_of("0001", "0110")
    truth, ours = cells_of(9, 9, 9, -2, 7, 1, 3, 7), cells_of(5, 5, 5, -1, 5, 1.5, 4.5, 5)
    assert matched_features_loss([ours], [truth], mask).item() == pytest.approx((0.5 + 0.5) / 2)
    layers = [ours, 10 * (truth + (ours - truth) / 2)], [truth, 10 * truth]
    assert matched_features_loss(*layers, mask).item() == pytest.approx((0.5 + 0.25) / 2)


def test_channels_are_averaged() -> None:
    truth = torch.tensor([3.0, 1.0]).view(1, 2, 1, 1)
    assert matched_features_loss([truth - 1], [truth], torch.ones(1, 1, 4, 4)).item() == pytest.approx(1 / 2)


def test_a_perfect_completion_has_nothing_unmatched() -> None:
    features = [torch.rand(2, 3, 4, 4).bfloat16()]
    loss = matched_features_loss(features, features, torch.ones(2, 1, 8, 8))
    assert loss.dtype == torch.float32 and loss.item() == 0


def random_maps(channels: int, seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(2, channels, side, side, generator=generator) for side in (4, 2)]


@pytest.mark.parametrize("kind", ["generator", "discriminator", "matched"])
def test_cells_without_a_hole_do_not_matter(kind: str) -> None:
    mask = mask_of("0100", "0110", side=8)
    fake, real = random_maps(1, 0), random_maps(1, 1)

    def loss(fake: list[Tensor], real: list[Tensor]) -> Tensor:
        if kind == "generator":
            return projected_generator_hinge(fake, mask)
        if kind == "discriminator":
            return projected_discriminator_hinge(real, fake, mask)
        return matched_features_loss(fake, real, mask)

    untouched = [1 - touched_cells(mask, (x.shape[2], x.shape[3])) for x in fake]
    elsewhere = [x + 5 * cells for x, cells in zip(fake, untouched, strict=True)]
    true_elsewhere = [x - 5 * cells for x, cells in zip(real, untouched, strict=True)]
    assert torch.equal(loss(elsewhere, true_elsewhere), loss(fake, real))
    assert not torch.equal(loss([x + 5 for x in fake], real), loss(fake, real))


def test_small_holes_weigh_as_much_as_large_ones() -> None:
    logits = torch.cat((torch.full((1, 1, 4, 4), 2.0), torch.full((1, 1, 4, 4), -1.0)))
    large, small = torch.ones(1, 1, 16, 16), torch.zeros(1, 1, 16, 16)
    small[..., 3, 3] = 1
    assert projected_generator_hinge([logits], torch.cat((large, small))).item() == pytest.approx(-0.5)


def test_a_picture_without_a_hole_adds_nothing() -> None:
    mask, both = mask_of("0110", "0000"), random_maps(1, 0)
    first = [x[:1] for x in both]
    alone, real = mask[:1], random_maps(1, 1)
    pairs = (
        (projected_generator_hinge(both, mask), projected_generator_hinge(first, alone)),
        (
            projected_discriminator_hinge(real, both, mask),
            projected_discriminator_hinge([x[:1] for x in real], first, alone),
        ),
        (matched_features_loss(both, real, mask), matched_features_loss(first, [x[:1] for x in real], alone)),
    )
    for together, single in pairs:
        torch.testing.assert_close(together, single)


@pytest.mark.parametrize("pictures", [2, 0])
def test_without_any_hole_all_is_zero_and_so_is_the_gradient(pictures: int) -> None:
    fake = [x[:pictures].requires_grad_() for x in random_maps(1, 0)]
    nothing = [torch.zeros_like(x) for x in fake]
    mask = torch.zeros(pictures, 1, 8, 8)
    losses = (
        projected_generator_hinge(fake, mask),
        projected_discriminator_hinge(nothing, fake, mask),
        matched_features_loss(fake, nothing, mask),
    )
    assert [loss.item() for loss in losses] == [0, 0, 0]
    torch.stack(losses).sum().backward()
    assert all(x.grad is not None and x.grad.isfinite().all() and not x.grad.any() for x in fake)


def trunk(image: Tensor) -> list[Tensor]:
    return [F.avg_pool2d(image, 2), F.avg_pool2d(image, 4) ** 2]


def test_pictures_are_looked_at_in_unit_range_and_the_truth_without_gradient() -> None:
    completed = (2 * torch.rand(2, 3, 8, 8) - 1).requires_grad_()
    truth, mask = 2 * torch.rand(2, 3, 8, 8) - 1, torch.ones(2, 1, 8, 8)
    looked = look_at(trunk, completed, truth, mask)
    for ours, expected in zip(looked.truth, trunk((truth + 1) / 2), strict=True):
        assert torch.equal(ours, expected) and not ours.requires_grad
    assert all(x.requires_grad for x in looked.completed)
    unmatched(looked).backward()
    assert completed.grad is not None and completed.grad.any()


def test_critics_hear_and_are_heard() -> None:
    completed = (2 * torch.rand(2, 3, 8, 8) - 1).requires_grad_()
    truth, mask, scale = 2 * torch.rand(2, 3, 8, 8) - 1, mask_of("0100", "1111"), torch.ones((), requires_grad=True)
    calls: list[int] = []

    def critic(maps: object) -> list[Tensor]:
        assert isinstance(maps, list)
        calls.append(len(maps[0]))
        return [scale * x.mean(dim=1, keepdim=True) for x in maps]

    looked = look_at(trunk, completed, truth, mask)
    fake, real = ([x.mean(dim=1, keepdim=True) for x in maps] for maps in (looked.completed, looked.truth))
    torch.testing.assert_close(opinion(looked, critic), projected_generator_hinge(fake, mask))
    loss = told_apart(looked, critic)
    torch.testing.assert_close(loss, projected_discriminator_hinge(real, fake, mask))
    assert calls == [2, 4]  # both kinds in one call
    loss.backward()
    assert completed.grad is None and scale.grad is not None and scale.grad.any()
