"""SPADE: the normalisation against a loop, the modulation against known answers, the block's parts."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import nn

from showface.layers.spade import Spade, SpadeGatedResBlock, positional_norm


def test_positional_norm_of_two_channels_is_one_and_minus_one() -> None:
    x = torch.tensor([[3.0, -1.0], [1.0, -5.0]]).reshape(1, 2, 1, 2)  # channels (3, 1) and (-1, -5)
    expected = torch.tensor([[1.0, 1.0], [-1.0, -1.0]]).reshape(1, 2, 1, 2)
    torch.testing.assert_close(positional_norm(x), expected, atol=1e-4, rtol=0)


def test_positional_norm_equals_the_loop() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 5, 3, 4) * 3 + 1
    expected = torch.empty_like(x)
    for b, i, j in itertools.product(range(2), range(3), range(4)):
        column = x[b, :, i, j]
        expected[b, :, i, j] = (column - column.mean()) / (column.var(unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(positional_norm(x), expected)
    torch.testing.assert_close(positional_norm(x.contiguous(memory_format=torch.channels_last)), expected)


def test_zero_modulation_leaves_the_norm_and_constant_modulation_scales_and_shifts_it() -> None:
    torch.manual_seed(0)
    spade = Spade(channels=4, features=3, hidden=2)
    for convolution in (spade.gamma, spade.beta):
        nn.init.zeros_(convolution.weight)
        nn.init.zeros_(convolution.bias)
    x, features = torch.randn(2, 4, 5, 5), torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(spade(x, features), positional_norm(x))
    nn.init.constant_(spade.gamma.bias, 0.5)
    nn.init.constant_(spade.beta.bias, -2.0)
    torch.testing.assert_close(spade(x, features), 1.5 * positional_norm(x) - 2)


def test_gamma_and_beta_follow_the_features_place_by_place() -> None:
    """1x1 kernels of ones: gamma = relu(feature), beta = 0."""
    spade = Spade(channels=2, features=1, hidden=1, kernel=1)
    for convolution in (spade.shared, spade.gamma, spade.beta):
        nn.init.ones_(convolution.weight)
        nn.init.zeros_(convolution.bias)
    nn.init.zeros_(spade.beta.weight)
    features = torch.tensor([[-1.0, 0.0], [1.0, 3.0]]).reshape(1, 1, 2, 2)
    expected = torch.tensor([[1.0, 1.0], [2.0, 4.0]]).expand(1, 2, 2, 2)
    torch.testing.assert_close(spade.modulate(torch.ones(1, 2, 2, 2), features), expected)


def test_block_without_width_change_adds_its_input_untouched() -> None:
    block = SpadeGatedResBlock(inputs=4, outputs=4, features=3, hidden=2)
    nn.init.zeros_(block.second.feature.weight)
    x = torch.randn(1, 4, 6, 6)
    assert torch.equal(block(x, torch.randn(1, 3, 6, 6)), x)
    assert not hasattr(block, "shortcut")


def test_block_resizes_the_features_by_nearest() -> None:
    torch.manual_seed(0)
    block = SpadeGatedResBlock(inputs=6, outputs=4, features=3, hidden=2).eval()
    x, features = torch.randn(2, 6, 8, 8), torch.randn(2, 3, 4, 4)
    wide = features.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    assert torch.equal(block(x, features), block(x, wide))
    assert block(x, features).shape == (2, 4, 8, 8)


def test_block_with_width_change_equals_the_steps_written_out() -> None:
    torch.manual_seed(0)
    block = SpadeGatedResBlock(inputs=6, outputs=4, features=3, hidden=2).eval()
    x, features = torch.randn(2, 6, 5, 5), torch.randn(2, 3, 5, 5)
    y = block.first(F.leaky_relu(block.first_spade(x, features), 0.2))
    y = block.second(F.leaky_relu(block.second_spade(y, features), 0.2))
    shortcut = block.shortcut(block.shortcut_spade.modulate(positional_norm(x), features))
    torch.testing.assert_close(block(x, features), shortcut + y)


def test_bfloat16_autocast_stays_close() -> None:
    torch.manual_seed(0)
    block = SpadeGatedResBlock(inputs=8, outputs=4, features=3, hidden=4).eval()
    x, features = torch.randn(1, 8, 6, 6), torch.randn(1, 3, 6, 6)
    exact = block(x, features)
    with torch.autocast("cpu", torch.bfloat16):
        rough = block(x, features)
    assert (rough.float() - exact).abs().max() < 0.05 * exact.abs().max()
