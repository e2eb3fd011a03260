from __future__ import annotations

import pytest
import torch

from showface.losses.style import StyleKind, gram, moments, style_loss


def test_gram_of_known_features() -> None:
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # two channels, (1, 2) cells
    expected = torch.tensor([[[5.0, 11.0], [11.0, 25.0]]]) / 4
    torch.testing.assert_close(gram(features), expected)


def test_gram_equals_naive_loops() -> None:
    features = torch.randn(2, 3, 4, 5)
    expected = torch.zeros(2, 3, 3)
    for b in range(2):
        for i in range(3):
            for j in range(3):
                expected[b, i, j] = (features[b, i] * features[b, j]).sum() / 60
    torch.testing.assert_close(gram(features), expected)


def test_moments_of_known_features() -> None:
    features = torch.tensor([[[[1.0, 3.0]], [[-2.0, -2.0]]]])
    expected = torch.tensor([[[2.0, -2.0], [1.0, 0.0]]])
    torch.testing.assert_close(moments(features), expected, atol=4e-3, rtol=0)


@pytest.mark.parametrize("kind", ["gram", "adain"])
def test_style_ignores_where_things_are(kind: StyleKind) -> None:
    features = torch.rand(1, 4, 3, 6)
    shuffled = features.flatten(2)[..., torch.randperm(18)].view(1, 4, 3, 6)
    assert style_loss([features], [shuffled], kind=kind).item() == pytest.approx(0, abs=1e-6)
    assert style_loss([features], [2 * shuffled], kind=kind).item() > 0.1


@pytest.mark.parametrize("kind", ["gram", "adain"])
def test_gradient_is_finite_for_constant_features(kind: StyleKind) -> None:
    features = torch.zeros(1, 4, 3, 3, requires_grad=True)
    style_loss([features], [torch.rand(1, 4, 3, 3)], kind=kind).backward()
    assert features.grad is not None and features.grad.isfinite().all()


def test_known_sum_over_layers() -> None:
    ones, zeros = torch.ones(1, 2, 2, 2), torch.zeros(1, 2, 2, 2)
    torch.testing.assert_close(style_loss([ones, ones], [zeros, zeros]), torch.tensor(1.0))  # each gram is 4/8


def test_autocast_neither_overflows_nor_rounds() -> None:
    features = 300 * torch.rand(1, 8, 16, 16)
    expected = gram(features)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = gram(features)
        loss = style_loss([features.bfloat16()], [torch.zeros(1, 8, 16, 16).bfloat16()])
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, expected)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, expected.mean(), rtol=5e-3, atol=0)
    assert gram(features.half()).isfinite().all()
