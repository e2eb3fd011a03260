"""Partial convolution against plain convolution and against the dense form with one mask plane per channel."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from showface.layers.partial_convolution import PartialConvolution, expand_valid, valid_weight


def layer(
    channels: int, *, kernel: int = 3, stride: int = 1, groups: tuple[int, ...] | None = None, bias: bool = True,
    largest_scale: float = 0.0,
) -> PartialConvolution:  # fmt: skip
    """A layer with random weights and bias."""
    made = PartialConvolution(
        channels, 5, kernel=kernel, stride=stride, groups=groups, bias=bias, largest_scale=largest_scale
    )
    if made.bias is not None:
        torch.nn.init.normal_(made.bias)
    return made


def random_valid(seed: int, planes: int, share: float, size: int = 9) -> Tensor:
    return (torch.rand(2, planes, size, size, generator=torch.Generator().manual_seed(seed)) < share).float()


def dense(made: PartialConvolution, x: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Liu et al.'s formula to the letter: one mask plane per channel, one dense kernel of ones, no short cut."""
    weight = made.convolution.weight
    mask = torch.cat([valid[:, [plane]].repeat(1, count, 1, 1) for plane, count in enumerate(made.groups)], dim=1)
    ones = torch.ones_like(weight)
    padding = made.kernel // 2
    total = F.conv2d(mask, ones, stride=made.stride, padding=padding)
    plain = F.conv2d(x * mask, weight, stride=made.stride, padding=padding)
    window = made.kernel**2 * x.shape[1]
    bias = 0 if made.bias is None else made.bias.view(1, -1, 1, 1)
    found = torch.where(total > 0, plain * window / total.clamp_min(1) + bias, 0)
    return found, (total[:, :1] > 0).float()


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_under_a_full_mask_it_is_a_convolution(kernel: int, stride: int) -> None:
    made, x = layer(4, kernel=kernel, stride=stride), torch.randn(2, 4, 12, 12)
    found, valid = made(x, torch.ones(2, 1, 12, 12))
    expected = F.conv2d(x, made.convolution.weight, made.bias, stride, kernel // 2)
    inner = slice(kernel // 2, -(kernel // 2) or None)  # padding counts as hidden, so the border is scaled up
    assert torch.allclose(found[..., inner, inner], expected[..., inner, inner], atol=1e-5)
    assert torch.equal(valid, torch.ones_like(found[:, :1]))


@given(
    seed=st.integers(0, 2**31),
    groups=st.sampled_from([(4,), (3, 1), (2, 3, 1)]),
    kernel=st.sampled_from([1, 3, 5]),
    stride=st.sampled_from([1, 2]),
    bias=st.booleans(),
    share=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
)
def test_equals_the_dense_form(
    seed: int, groups: tuple[int, ...], kernel: int, stride: int, bias: bool, share: float
) -> None:
    torch.manual_seed(seed)
    made = layer(sum(groups), kernel=kernel, stride=stride, groups=groups, bias=bias)
    x, valid = torch.randn(2, sum(groups), 9, 9), random_valid(seed, len(groups), share)
    found, found_valid = made(x, valid)
    expected, expected_valid = dense(made, x, valid)
    assert torch.allclose(found, expected, atol=1e-4, rtol=1e-4)
    assert torch.equal(found_valid, expected_valid)


def test_concatenated_halves_keep_a_mask_each() -> None:
    """One shared plane, as many implementations carry, would give something else."""
    made, x = layer(6, groups=(4, 2)), torch.randn(2, 6, 9, 9)
    valid = random_valid(0, 2, 0.5)
    apart, _ = made(x, valid)
    for shared in (valid.amax(dim=1, keepdim=True), valid.amin(dim=1, keepdim=True)):
        assert not torch.allclose(apart, made(x, shared.expand(-1, 2, -1, -1))[0], atol=1e-2)


@given(seed=st.integers(0, 2**31), share=st.floats(0, 1))
def test_what_the_hole_holds_does_not_matter(seed: int, share: float) -> None:
    made, valid = layer(3, groups=(2, 1)), random_valid(seed, 2, share)
    x = torch.randn(2, 3, 9, 9)
    other = torch.where(expand_valid(valid, (2, 1)) > 0, x, 1e6 * torch.randn_like(x))
    assert torch.equal(made(x, valid)[0], made(other, valid)[0])


def test_gradients_stay_out_of_the_hole() -> None:
    made, valid, x = layer(3), random_valid(3, 1, 0.5), torch.randn(2, 3, 9, 9, requires_grad=True)
    made(x, valid)[0].square().sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad[(valid == 0).expand(-1, 3, -1, -1)], torch.zeros(int((valid == 0).sum()) * 3))
    assert (x.grad[(valid == 1).expand(-1, 3, -1, -1)] != 0).all()


def test_an_empty_mask_gives_zero_without_bias_and_stays_empty() -> None:
    found, valid = layer(4, bias=True)(torch.randn(1, 4, 6, 6), torch.zeros(1, 1, 6, 6))
    assert torch.equal(found, torch.zeros_like(found)) and torch.equal(valid, torch.zeros_like(valid))


def test_the_mask_grows_by_the_reach_of_the_kernel() -> None:
    valid = torch.zeros(1, 1, 7, 7)
    valid[0, 0, 3, 3] = 1
    _, grown = layer(2, kernel=3)(torch.randn(1, 2, 7, 7), valid)
    expected = torch.zeros(7, 7)
    expected[2:5, 2:5] = 1
    assert torch.equal(grown[0, 0], expected)


def test_a_lone_pixel_is_scaled_by_the_whole_window_or_by_the_bound() -> None:
    x, valid = torch.ones(1, 2, 3, 3), torch.zeros(1, 1, 3, 3)
    valid[0, 0, 1, 1] = 1
    for bound, factor in ((0.0, 9.0), (4.0, 4.0), (20.0, 9.0)):
        made = layer(2, bias=False, largest_scale=bound)
        centre = made.convolution.weight[:, :, 1, 1].sum(dim=1)
        assert torch.allclose(made(x, valid)[0][0, :, 1, 1], factor * centre, rtol=1e-5)


def test_counting_weights_each_plane_by_its_channels() -> None:
    weight = valid_weight(torch.zeros(1, 2, 4, 4), (64, 3), 3)
    assert weight.shape == (1, 2, 3, 3)
    assert torch.equal(weight[0, :, 0, 0], torch.tensor([64.0, 3.0])) and weight.sum() == 9 * 67


def test_counts_are_exact_under_autocast() -> None:
    """bfloat16 holds whole numbers up to 256 only, far fewer than a window of many channels has values."""
    made, valid = layer(100, bias=False), random_valid(5, 1, 0.9)
    x = torch.ones(2, 100, 9, 9)
    torch.nn.init.constant_(made.convolution.weight, 1 / 900)
    with torch.autocast("cpu", torch.bfloat16):
        found, grown = made(x, valid)
    assert torch.allclose(found.float(), grown, atol=2e-2)  # a mean of ones is one whatever the mask
