from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from showface.losses.semantic import semantic_loss


def test_known_answer_of_a_clueless_parser() -> None:
    log_probabilities = torch.full((1, 14, 3, 3), -math.log(14))
    labels = torch.randint(0, 14, (1, 3, 3))
    assert semantic_loss(log_probabilities, labels).item() == pytest.approx(math.log(14))


def test_equals_cross_entropy_of_logits() -> None:
    logits, labels = torch.randn(2, 5, 4, 3), torch.randint(0, 5, (2, 4, 3))
    torch.testing.assert_close(semantic_loss(logits.log_softmax(dim=1), labels), F.cross_entropy(logits, labels))


def test_gradient_raises_the_right_category() -> None:
    logits = torch.zeros(1, 3, 2, 2, requires_grad=True)
    semantic_loss(logits.log_softmax(dim=1), torch.ones(1, 2, 2, dtype=torch.int64)).backward()
    assert logits.grad is not None
    assert (logits.grad[:, 1] < 0).all() and (logits.grad[:, (0, 2)] > 0).all()
