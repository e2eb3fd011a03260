from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from showface.losses.parsing import IGNORED, class_weights, parsing_loss


def test_known_answer_of_a_clueless_parser() -> None:
    loss = parsing_loss(torch.zeros(2, 14, 4, 4), torch.randint(0, 14, (2, 8, 8)))
    assert loss.item() == pytest.approx(math.log(14), rel=1e-6)


def test_equals_cross_entropy_at_equal_size() -> None:
    logits, labels, weights = torch.randn(2, 5, 6, 4), torch.randint(0, 5, (2, 6, 4)), torch.rand(5) + 0.1
    torch.testing.assert_close(parsing_loss(logits, labels), F.cross_entropy(logits, labels))
    torch.testing.assert_close(parsing_loss(logits, labels, weights), F.cross_entropy(logits, labels, weights))


def test_labels_are_reduced_to_the_cell_s_centre() -> None:
    logits = torch.randn(1, 3, 2, 2)
    labels = torch.full((1, 8, 8), 2)
    labels[0, 2::4, 2::4] = torch.tensor([[0, 1], [2, 0]])  # the pixel at the centre of each 4x4 cell
    torch.testing.assert_close(
        parsing_loss(logits, labels), F.cross_entropy(logits, torch.tensor([[[0, 1], [2, 0]]]))
    )  # fmt: skip


def test_unlabelled_pixels_do_not_count() -> None:
    logits, labels = torch.randn(1, 4, 3, 3), torch.randint(0, 4, (1, 3, 3))
    labels[0, 0] = IGNORED
    expected = F.cross_entropy(logits[:, :, 1:], labels[:, 1:])
    torch.testing.assert_close(parsing_loss(logits, labels), expected)
    nothing = parsing_loss(logits.requires_grad_(), torch.full((1, 3, 3), IGNORED))
    nothing.backward()
    assert nothing.item() == 0
    assert logits.grad is not None and not logits.grad.any()


def test_gradient_raises_the_right_category() -> None:
    logits = torch.zeros(1, 3, 2, 2, requires_grad=True)
    parsing_loss(logits, torch.ones(1, 4, 4, dtype=torch.int64)).backward()
    assert logits.grad is not None
    assert (logits.grad[:, 1] < 0).all() and (logits.grad[:, (0, 2)] > 0).all()


def test_weights_of_known_counts() -> None:
    weights = class_weights(torch.tensor([900, 100, 0]))
    assert (weights[1] / weights[0]).item() == pytest.approx(3)
    assert (weights[2] / weights[0]).item() == pytest.approx(20)
    assert (weights[0] * 0.9 + weights[1] * 0.1).item() == pytest.approx(1)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=14))
def test_weights_are_bounded_and_fall_with_the_count(counts: list[int]) -> None:
    weights = class_weights(torch.tensor(counts))
    assert torch.isfinite(weights).all() and (weights > 0).all()
    assert weights.max() <= 20.001 * weights.min()
    order = torch.tensor(counts).argsort()
    assert (weights[order].diff() <= 1e-5 * weights.max()).all()
