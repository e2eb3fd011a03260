"""Gated convolution: against the written-out formula, borders, sizes, gradients."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from showface.layers.gated_convolution import GatedConvolution, GatedResBlock, Padding


def reflected(index: int, size: int) -> int:
    """Where a coordinate beyond the border finds its mirror image."""
    index = abs(index)
    return 2 * (size - 1) - index if index >= size else index


def naive_convolution(x: Tensor, convolution: nn.Module, dilation: int) -> Tensor:
    """A stride 1 convolution with reflection at the border, pixel by pixel."""
    assert isinstance(convolution, nn.Conv2d) and convolution.bias is not None
    _, _, height, width = x.shape
    side = convolution.weight.shape[-1]
    out = convolution.bias.detach()[None, :, None, None].repeat(x.shape[0], 1, height, width)
    for row, column, i, j in itertools.product(range(height), range(width), range(side), range(side)):
        r = reflected(row + dilation * (i - side // 2), height)
        c = reflected(column + dilation * (j - side // 2), width)
        out[:, :, row, column] += x[:, :, r, c] @ convolution.weight.detach()[:, :, i, j].T
    return out


@pytest.mark.parametrize(("kernel", "gate_kernel", "dilation"), [(3, 0, 1), (3, 1, 1), (3, 0, 2), (5, 3, 1), (1, 1, 1)])
@pytest.mark.parametrize("activation", [True, False])
def test_equals_the_formula_pixel_by_pixel(kernel: int, gate_kernel: int, dilation: int, activation: bool) -> None:
    torch.manual_seed(0)
    gated = GatedConvolution(
        inputs=2, outputs=3, kernel=kernel, gate_kernel=gate_kernel, dilation=dilation, activation=activation
    )
    nn.init.normal_(gated.gate.bias)
    x = torch.randn(2, 2, 5, 6)
    feature = naive_convolution(x, gated.feature, dilation)
    gate = naive_convolution(x, gated.gate, dilation)
    expected = (feature.clamp_min(0) if activation else feature) * torch.sigmoid(gate)
    torch.testing.assert_close(gated(x), expected, atol=1e-5, rtol=1e-5)


def test_a_constant_picture_stays_constant_when_reflected_but_not_with_zeros() -> None:
    torch.manual_seed(0)
    spread = {}
    paddings: tuple[Padding, ...] = ("reflect", "zeros")
    for padding in paddings:
        y = GatedConvolution(inputs=1, outputs=4, padding=padding, activation=False)(torch.ones(1, 1, 6, 6))
        spread[padding] = (y.amax((2, 3)) - y.amin((2, 3))).max().item()
    assert spread["reflect"] < 1e-6
    assert spread["zeros"] > 0.01


def test_both_paddings_agree_inside() -> None:
    torch.manual_seed(0)
    reflect = GatedConvolution(inputs=2, outputs=3, kernel=5, gate_kernel=3)
    zeros = GatedConvolution(inputs=2, outputs=3, kernel=5, gate_kernel=3, padding="zeros")
    zeros.load_state_dict(reflect.state_dict())
    x = torch.randn(1, 2, 9, 9)
    torch.testing.assert_close(reflect(x)[..., 2:-2, 2:-2], zeros(x)[..., 2:-2, 2:-2])


def test_a_closed_gate_stops_everything_and_an_open_one_nothing() -> None:
    gated = GatedConvolution(inputs=1, outputs=1, kernel=1)
    nn.init.ones_(gated.feature.weight)
    nn.init.zeros_(gated.gate.weight)
    x = torch.rand(1, 1, 4, 4)
    nn.init.constant_(gated.gate.bias, -100.0)
    assert gated(x).abs().max() == 0
    nn.init.constant_(gated.gate.bias, 100.0)
    torch.testing.assert_close(gated(x), x)


@settings(max_examples=20, deadline=None)
@given(
    height=st.integers(5, 13),
    width=st.integers(5, 13),
    stride=st.sampled_from([1, 2]),
    kernel=st.sampled_from([1, 3, 5]),
    gate_kernel=st.sampled_from([0, 1, 3]),
    padding=st.sampled_from(["reflect", "zeros"]),
)
def test_sizes(height: int, width: int, stride: int, kernel: int, gate_kernel: int, padding: Padding) -> None:
    gated = GatedConvolution(
        inputs=2, outputs=3, kernel=kernel, gate_kernel=gate_kernel, stride=stride, padding=padding
    )
    assert gated(torch.zeros(2, 2, height, width)).shape == (2, 3, -(-height // stride), -(-width // stride))


def test_spectral_norm_bounds_both_convolutions() -> None:
    torch.manual_seed(0)
    gated = GatedConvolution(inputs=4, outputs=8, spectral_norm=True)
    for _ in range(50):
        gated(torch.zeros(1, 4, 4, 4))
    for convolution in (gated.feature, gated.gate):
        largest = torch.linalg.matrix_norm(convolution.weight.flatten(1), ord=2).item()
        assert largest == pytest.approx(1, abs=1e-3)


def test_the_residual_block_is_its_input_when_its_second_convolution_is_zero() -> None:
    torch.manual_seed(0)
    block = GatedResBlock(channels=3, dilation=2)
    nn.init.zeros_(block.linear.feature.weight)
    x = torch.randn(1, 3, 6, 6)
    assert torch.equal(block(x), x)


def test_the_residual_can_be_negative_and_the_input_is_left_alone() -> None:
    torch.manual_seed(0)
    block = GatedResBlock(channels=4)
    x = torch.randn(1, 4, 6, 6)
    kept = x.clone()
    residual = block(x) - x
    assert residual.min() < 0 < residual.max()
    assert torch.equal(x, kept)


def test_the_gradient_is_that_of_the_formula() -> None:
    torch.manual_seed(0)
    gated = GatedConvolution(inputs=2, outputs=2, padding="zeros").double()
    assert torch.autograd.gradcheck(gated, torch.randn(1, 2, 3, 3, dtype=torch.float64, requires_grad=True))
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64)
    feature, gate = gated.feature, gated.gate
    written = (
        F.conv2d(x, feature.weight, feature.bias, padding=1).clamp_min(0)
        * F.conv2d(x, gate.weight, gate.bias, padding=1).sigmoid()
    )
    parameters = list(gated.parameters())
    for ours, expected in zip(
        torch.autograd.grad(gated(x).sum(), parameters), torch.autograd.grad(written.sum(), parameters), strict=True
    ):
        torch.testing.assert_close(ours, expected)
