"""Folding holds the values of torch's own function, in the order that convolutions like best."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from showface.errors import SettingError
from showface.layers.folding import folded, unfolded


@pytest.mark.parametrize(("channels", "fold"), [(1, 4), (3, 4), (4, 2)])
def test_the_values_are_those_of_pixel_unshuffle(channels: int, fold: int) -> None:
    x = torch.randn(2, channels, 8, 12, generator=torch.Generator().manual_seed(0))
    made = folded(x, fold)
    assert torch.equal(made, F.pixel_unshuffle(x, fold))
    assert made.is_contiguous(memory_format=torch.channels_last)


def test_folded_once_is_what_it_was() -> None:
    x = torch.randn(1, 3, 4, 4)
    assert folded(x, 1) is x and folded(x, 1, pixels_first=True) is x


def test_with_the_pixels_first_a_pixels_channels_are_beside_each_other() -> None:
    x = torch.arange(2 * 3 * 4 * 4).view(2, 3, 4, 4).float()
    made = folded(x, 2, pixels_first=True)  # (2, 12, 2, 2)
    assert made.is_contiguous(memory_format=torch.channels_last)
    for row in range(2):
        for column in range(2):
            at = 3 * (2 * row + column)
            assert torch.equal(made[:, at : at + 3], x[:, :, row::2, column::2])


@pytest.mark.parametrize("pixels_first", [False, True])
def test_a_compiler_is_given_the_same_values(monkeypatch: pytest.MonkeyPatch, pixels_first: bool) -> None:
    x = torch.randn(2, 3, 8, 12)
    eager = folded(x, 4, pixels_first=pixels_first)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert torch.equal(folded(x, 4, pixels_first=pixels_first), eager)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("fold", [1, 2, 3, 4])
def test_unfolding_holds_the_values_of_pixel_shuffle(fold: int, dtype: torch.dtype) -> None:
    x = torch.randint(0, 99, (2, 2 * fold**2, 3, 5)).to(dtype)
    for ordered in (x, x.contiguous(memory_format=torch.channels_last), x[..., 1:-1]):
        made = unfolded(ordered, fold)
        assert made.dtype == dtype and torch.equal(made, F.pixel_shuffle(ordered, fold))
        assert torch.equal(folded(made, fold), ordered)


def test_pictures_anywhere_in_memory_are_folded() -> None:
    """Even where a row of pixels does not begin at a multiple of its own length."""
    for start in range(5):
        x = torch.randn(3 * 8 * 8 + start)[start:].view(1, 3, 8, 8)
        assert torch.equal(folded(x, 4), F.pixel_unshuffle(x, 4))
        assert torch.equal(folded(x, 4, pixels_first=True)[:, 9:12], x[:, :, ::4, 3::4])
    lone = torch.randn(200).as_strided((1, 3, 8, 8), (193, 64, 8, 1))
    assert torch.equal(folded(lone, 4), F.pixel_unshuffle(lone, 4))


def test_single_cells_and_no_pictures() -> None:
    x = torch.randn(1, 16, 1, 1)
    assert torch.equal(unfolded(x, 4), F.pixel_shuffle(x, 4))
    assert folded(torch.zeros(0, 3, 8, 8), 4).shape == (0, 48, 2, 2)
    assert unfolded(torch.zeros(0, 48, 2, 2), 4).shape == (0, 3, 8, 8)


def test_other_sides_are_refused() -> None:
    with pytest.raises(SettingError, match="multiples of 4, got 8 x 10"):
        folded(torch.zeros(1, 3, 8, 10), 4)


def test_gradients_go_back_to_their_pixels() -> None:
    x = torch.randn(1, 2, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.double, requires_grad=True)
    for first in (False, True):
        assert torch.autograd.gradcheck(lambda y, first=first: folded(y, 2, pixels_first=first).square(), (x,))
    channels = torch.randn(1, 8, 2, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda y: unfolded(y, 2).square(), (channels,))
