"""Contextual attention: parity with loops over cells, what is read, what is left alone."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from showface.errors import SettingError
from showface.layers.contextual_attention import agreement, contextual_attention, visible_windows


def features_and_hole(size: int = 16, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Two pictures of noise, each with a hole of its own."""
    features = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(seed))
    hole = torch.zeros(2, 1, size, size)
    hole[0, :, 3:9, 4:9] = 1
    hole[1, :, 8:12, 1:5] = 1
    return features, hole


# ---------------------------------------------------------------------------------------------- an independent version


def window(picture: Tensor, top: int, left: int, side: int) -> Tensor:
    """A window of (c, h, w), zeros beyond the border."""
    cut = torch.zeros(picture.shape[0], side, side, dtype=picture.dtype)
    for y in range(side):
        for x in range(side):
            if 0 <= top + y < picture.shape[1] and 0 <= left + x < picture.shape[2]:
                cut[:, y, x] = picture[:, top + y, left + x]
    return cut


def naive(features: Tensor, hole: Tensor, *, patch: int, rate: int, scale: float, fuse: int) -> Tensor:
    """One picture (c, h, w) and its hole (h, w), cell by cell, with all sums written out."""
    channels, height, width = features.shape
    small = torch.stack([
        torch.stack([
            features[:, y * rate : (y + 1) * rate, x * rate : (x + 1) * rate].mean(dim=(1, 2))
            for x in range(width // rate)
        ], dim=1)
        for y in range(height // rate)
    ], dim=1)  # fmt: skip
    cells = [(y, x) for y in range(height // rate) for x in range(width // rate)]
    around = {(y, x): window(small, y - patch // 2, x - patch // 2, patch).flatten() for y, x in cells}
    hidden = {
        (y, x): bool(hole[y * rate : (y + 1) * rate, x * rate : (x + 1) * rate].any()) for y, x in cells
    }  # fmt: skip
    reach = range(-(patch // 2), patch // 2 + 1)
    keys = [(y, x) for y, x in cells if not any(hidden.get((y + j, x + i), False) for j in reach for i in reach)]

    def cosine(one: tuple[int, int], other: tuple[int, int]) -> float:
        if one not in around or other not in keys:
            return 0.0
        a, b = around[one], around[other]
        return float(a @ b / (a.norm() * b.norm()))

    def score(query: tuple[int, int], key: tuple[int, int]) -> float:
        moves = range(-(fuse // 2), fuse // 2 + 1)
        return sum(
            cosine((query[0] + j, query[1] + i), (key[0] + j, key[1] + i)) for j in moves for i in moves
        )  # fmt: skip

    margin = max(1, rate // 2)
    side = rate + 2 * margin
    total, count = torch.zeros(channels, height, width), torch.zeros(height, width)
    for query in cells:
        shares = [math.exp(scale * score(query, key)) for key in keys]
        for y in range(side):
            for x in range(side):
                row, column = query[0] * rate - margin + y, query[1] * rate - margin + x
                if 0 <= row < height and 0 <= column < width:
                    count[row, column] += 1
                    for share, key in zip(shares, keys, strict=True):
                        source = key[0] * rate - margin + y, key[1] * rate - margin + x
                        if 0 <= source[0] < height and 0 <= source[1] < width:
                            total[:, row, column] += share / sum(shares) * features[:, source[0], source[1]]
    return torch.where(hole > 0, total / count, features)


@pytest.mark.parametrize(("patch", "rate", "fuse"), [(3, 2, 3), (3, 1, 1), (1, 2, 3)])
def test_parity_with_loops(patch: int, rate: int, fuse: int) -> None:
    features, hole = features_and_hole(8)
    hole = torch.zeros_like(hole)
    hole[0, :, 1:3, 2:4] = 1
    hole[1, :, 5:7, 0:3] = 1
    found = contextual_attention(features, hole, patch=patch, rate=rate, scale=4.0, fuse=fuse)
    for picture in range(2):
        expected = naive(features[picture], hole[picture, 0], patch=patch, rate=rate, scale=4.0, fuse=fuse)
        torch.testing.assert_close(found[picture], expected, atol=1e-5, rtol=1e-5)
        assert (found[picture] - features[picture]).abs().max() > 0.1


# ---------------------------------------------------------------------------------------------- what is read


def test_cells_outside_the_hole_stay_as_they_are() -> None:
    features, hole = features_and_hole()
    found = contextual_attention(features, hole)
    hidden = (hole > 0).expand_as(features)
    assert torch.equal(found[~hidden], features[~hidden])
    assert (found != features)[hidden].float().mean() > 0.99


def test_what_a_hole_holds_is_never_copied() -> None:
    """Every hidden value is 100 times a visible one: no mixture of visible cells reaches it."""
    features, hole = features_and_hole()
    features = torch.where(hole > 0, 100.0, features.clamp(-1, 1))
    found = contextual_attention(features, hole)
    assert found.abs().max() <= 1 + 1e-5


def test_far_hidden_cells_do_not_matter_to_a_hidden_cell() -> None:
    """Scores see 3x3 cells of half the size, agreement one cell more: nothing hidden comes from further away."""
    features, hole = features_and_hole(32)
    hole[0, :, 4:24, 4:24] = 1
    other = features.clone()
    other[0, :, 18:24, 18:24] += 3
    found, changed = contextual_attention(features, hole), contextual_attention(other, hole)
    assert torch.equal(found[0, :, 4:12, 4:12], changed[0, :, 4:12, 4:12])
    assert not torch.equal(found[0, :, 20:24, 20:24], changed[0, :, 20:24, 20:24])


def test_each_picture_has_its_own_mask() -> None:
    features, hole = features_and_hole()
    together = contextual_attention(features, hole)
    for picture in range(2):
        alone = contextual_attention(features[picture : picture + 1], hole[picture : picture + 1])
        torch.testing.assert_close(together[picture : picture + 1], alone)
    swapped = contextual_attention(features, hole.flip(0))
    assert not torch.allclose(together[0], swapped[0])


def test_a_repeated_texture_is_continued() -> None:
    """A hole in a pattern that repeats every 4 cells: what surrounds the hidden cells tells which piece belongs."""
    tile = torch.randn(1, 8, 4, 4, generator=torch.Generator().manual_seed(3))
    features = tile.repeat(1, 1, 8, 8)
    hole = torch.zeros(1, 1, 32, 32)
    hole[..., 14:18, 14:18] = 1
    damaged = torch.where(hole > 0, 0.3 * features, features)  # a faint trace, as the layers before leave one
    found = contextual_attention(damaged, hole)
    assert (found - features).abs().mean() < 0.2 * (damaged - features).abs().mean()


@pytest.mark.parametrize("share", [0, 1])
def test_empty_and_full_holes(share: int) -> None:
    """Without a hole, and without anything visible to copy, nothing changes; gradients stay finite."""
    features = torch.randn(1, 4, 8, 8, requires_grad=True)
    found = contextual_attention(features, torch.full((1, 1, 8, 8), float(share)))
    assert torch.equal(found, features)
    (gradient,) = torch.autograd.grad(found.sum(), features)
    assert torch.equal(gradient, torch.ones_like(features))


def test_only_wholly_visible_windows_are_keys() -> None:
    hole = torch.zeros(1, 1, 12, 12)
    hole[..., 5, 6] = 1  # one cell: the reduced cell (2, 3) and its eight neighbours
    keys = visible_windows(hole, patch=3, rate=2).reshape(6, 6)
    expected = torch.ones(6, 6, dtype=torch.bool)
    expected[1:4, 2:5] = False
    assert torch.equal(keys, expected)


def test_agreement_known_answer() -> None:
    """Identity scores on a row of three cells: each match is backed by its neighbours' matches."""
    scores = torch.eye(3)[None]
    assert agreement(scores, (1, 3), 3).tolist() == [[[2, 0, 0], [0, 3, 0], [0, 0, 2]]]
    assert agreement(scores, (1, 3), 1).tolist() == scores.tolist()
    assert agreement(torch.eye(9)[None], (3, 3), 3).diagonal(dim1=1, dim2=2).tolist() == [[4, 6, 4, 6, 9, 6, 4, 6, 4]]


def test_gradients_reach_hidden_and_visible_cells() -> None:
    features, hole = features_and_hole()
    features.requires_grad_()
    (gradient,) = torch.autograd.grad((contextual_attention(features, hole) * hole).square().sum(), features)
    assert gradient.isfinite().all()
    for cells in (hole, 1 - hole):  # hidden cells steer the choice, visible ones are copied
        assert (gradient * cells).abs().amax(dim=(1, 2, 3)).min() > 0


def test_zeros_stay_finite() -> None:
    features = torch.zeros(1, 2, 8, 8, requires_grad=True)
    hole = torch.zeros(1, 1, 8, 8)
    hole[..., :2, :2] = 1
    (gradient,) = torch.autograd.grad(contextual_attention(features, hole).sum(), features)
    assert gradient.isfinite().all()


def test_autocast_leaves_the_scores_in_float32() -> None:
    features, hole = features_and_hole()
    with torch.autocast("cpu", torch.bfloat16):
        found = contextual_attention(features, hole)
    assert torch.equal(found, contextual_attention(features, hole))
    assert contextual_attention(features.bfloat16(), hole).dtype == torch.bfloat16


def test_sides_must_be_multiples_of_the_rate() -> None:
    with pytest.raises(SettingError, match="7 x 8 cells, expected multiples of 2"):
        contextual_attention(torch.zeros(1, 1, 7, 8), torch.zeros(1, 1, 7, 8))
