from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from showface.layers.regions import one_hot
from showface.losses.inco2 import cosine_matrix, inter_loss, intra_loss, matrix_loss, product_matrix, split

Loss = Callable[..., Tensor]


def random_case(seed: int = 0, classes: int = 4, share: float = 0.5) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features of the completed and the true picture, regions, mask; (2, 6, 8, 8) features."""
    generator = torch.Generator().manual_seed(seed)
    completed, truth = torch.randn(2, 2, 6, 8, 8, generator=generator)
    semantic_map = torch.randint(0, classes, (2, 8, 8), generator=generator)
    mask = (torch.rand(2, 1, 8, 8, generator=generator) < share).float()
    return completed, truth, one_hot(semantic_map, 14), mask


def test_cosine_matrix_of_known_vectors() -> None:
    rows = torch.tensor([[[2.0, 0.0], [0.0, 0.0]]])
    columns = torch.tensor([[[1.0, 1.0], [-3.0, 0.0], [0.0, 5.0]]])
    expected = torch.tensor([[[0.5**0.5, -1.0, 0.0], [0.0, 0.0, 0.0]]])
    torch.testing.assert_close(cosine_matrix(rows, columns), expected)
    torch.testing.assert_close(product_matrix(rows, columns)[0, 0], torch.tensor([1.0, -3.0, 0.0]))


def test_matrix_loss_averages_valid_pairs_only() -> None:
    ours, truth = torch.tensor([[[1.0, 9.0], [0.5, 9.0]]]), torch.zeros(1, 2, 2)
    pairs = torch.tensor([[[True, False], [True, False]]])
    assert matrix_loss(ours, truth, pairs).item() == pytest.approx(0.75)


def test_half_masked_cells_belong_to_the_hole() -> None:
    regions, mask = torch.ones(1, 1, 1, 3), torch.tensor([[[[0.49, 0.5, 1.0]]]])
    hidden, visible = split(regions, mask)
    assert hidden.flatten().tolist() == [0, 1, 1]
    assert visible.flatten().tolist() == [1, 0, 0]


def test_intra_known_answer() -> None:
    """Two categories in the hole: orthogonal in the truth, parallel when completed; 2 of 4 cosines are off by 1."""
    regions = torch.zeros(1, 2, 4, 4)
    regions[:, 0, :2], regions[:, 1, 2:] = 1, 1
    truth = torch.cat((regions[:, :1], regions[:, 1:]), dim=1)
    completed = torch.cat((torch.ones(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)), dim=1)
    mask = torch.ones(1, 1, 4, 4)
    assert intra_loss(completed, truth, regions, mask).item() == pytest.approx(0.5)
    assert inter_loss(completed, truth, regions, mask).item() == 0  # nothing is visible


def test_inter_known_answer() -> None:
    """One category, half hidden: the two halves agree in the truth and are opposed when completed."""
    regions = torch.ones(1, 1, 4, 4)
    truth = torch.ones(1, 3, 4, 4)
    mask = torch.zeros(1, 1, 4, 4)
    mask[..., :2] = 1
    completed = truth * (1 - 2 * mask)
    assert inter_loss(completed, truth, regions, mask).item() == pytest.approx(2)
    assert intra_loss(completed, truth, regions, mask).item() == pytest.approx(0)


@pytest.mark.parametrize("loss", [intra_loss, inter_loss])
@pytest.mark.parametrize("similarity", ["cosine", "raw"])
def test_zero_where_the_completion_is_the_truth(loss: Loss, similarity: str) -> None:
    completed, truth, regions, mask = random_case()
    assert loss(truth, truth, regions, mask, similarity=similarity).item() == 0
    assert loss(completed, truth, regions, mask, similarity=similarity).item() > 0.01


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**16), classes=st.sampled_from((1, 2, 14)), share=st.sampled_from((0.0, 0.02, 0.5, 1.0)))
@pytest.mark.parametrize("loss", [intra_loss, inter_loss])
def test_loss_and_gradient_are_finite_and_bounded(loss: Loss, seed: int, classes: int, share: float) -> None:
    completed, truth, regions, mask = random_case(seed, classes, share)
    completed.requires_grad_()
    value = loss(completed, truth, regions, mask)
    value.backward()
    assert 0 <= value.item() <= 2
    assert completed.grad is not None and completed.grad.isfinite().all()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_empty_and_full_masks_give_an_attached_zero(share: float) -> None:
    completed, truth, regions, mask = random_case(share=share)
    completed.requires_grad_()
    loss = inter_loss(completed, truth, regions, mask)
    loss.backward()
    assert loss.item() == 0
    assert completed.grad is not None and not completed.grad.any()


def test_fewer_than_four_cells_do_not_count() -> None:
    completed, truth, _, _ = random_case()
    regions = torch.zeros(2, 2, 8, 8)
    regions[:, 0], regions[:, 0, 0, :3], regions[:, 1, 0, :3] = 1, 0, 1
    mask = torch.zeros(2, 1, 8, 8)
    mask[..., 0, :3] = 1
    assert inter_loss(completed, truth, regions, mask).item() == 0
    regions[:, 0, 0, 3], regions[:, 1, 0, 3], mask[..., 0, 3] = 0, 1, 1
    assert inter_loss(completed, truth, regions, mask).item() > 0


def test_truth_takes_no_gradient() -> None:
    completed, truth, regions, mask = random_case()
    completed.requires_grad_()
    truth.requires_grad_()
    (intra_loss(completed, truth, regions, mask) + inter_loss(completed, truth, regions, mask)).backward()
    assert truth.grad is None
    assert completed.grad is not None and completed.grad.abs().sum() > 0


def test_intra_sees_the_hole_only() -> None:
    completed, truth, regions, mask = random_case()
    elsewhere = completed + 5 * (1 - mask)
    torch.testing.assert_close(intra_loss(completed, truth, regions, mask), intra_loss(elsewhere, truth, regions, mask))
    assert inter_loss(completed, truth, regions, mask) != inter_loss(elsewhere, truth, regions, mask)


def test_autocast_changes_nothing() -> None:
    completed, truth, regions, mask = random_case()
    expected = intra_loss(completed, truth, regions, mask), inter_loss(completed, truth, regions, mask)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = intra_loss(completed, truth, regions, mask), inter_loss(completed, truth, regions, mask)
    assert got == expected
