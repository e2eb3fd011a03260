"""Patches and their correlation: inverse, known answers, dense attention as the limit."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from showface.layers.correlation import Correlation, fold_patches, padded_side, patch_correlation, unfold_patches


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 11), width=st.integers(1, 11), patch=st.integers(1, 5), data=st.data())
def test_folding_undoes_unfolding(height: int, width: int, patch: int, data: st.DataObject) -> None:
    stride = data.draw(st.integers(1, patch))
    features = torch.randn(2, 3, height, width)
    patches = unfold_patches(features, patch=patch, stride=stride)
    assert patches.shape[2] == 3 * patch * patch
    torch.testing.assert_close(fold_patches(patches, (height, width), patch=patch, stride=stride), features)


@pytest.mark.parametrize(
    ("side", "patch", "stride", "expected"), [(8, 4, 4, 8), (9, 4, 4, 12), (3, 4, 4, 4), (7, 4, 2, 8), (6, 4, 2, 6)]
)
def test_padded_side(side: int, patch: int, stride: int, expected: int) -> None:
    assert padded_side(side, patch, stride) == expected


def test_patches_come_row_by_row() -> None:
    patches = unfold_patches(torch.arange(16.0).reshape(1, 1, 4, 4), patch=2, stride=2)
    assert patches[0].tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]


def test_overlapping_patches_are_averaged() -> None:
    patches = torch.tensor([[[0.0, 0.0], [2.0, 2.0]]])[..., None].expand(1, 2, 2, 2).flatten(2)  # two flat 2 x 2
    folded = fold_patches(patches, (2, 3), patch=2, stride=1)
    assert folded[0, 0].tolist() == [[0, 1, 2], [0, 1, 2]]


@pytest.mark.parametrize("kind", ["softmax", "cosine"])
def test_rows_are_shares(kind: Correlation) -> None:
    phi = patch_correlation(torch.randn(2, 5, 8), torch.randn(2, 7, 8), kind=kind)
    assert phi.shape == (2, 5, 7) and (phi >= 0).all()
    torch.testing.assert_close(phi.sum(dim=-1), torch.ones(2, 5))


def test_cosine_ignores_lengths_and_dot_products_do_not() -> None:
    left, right = torch.randn(1, 4, 6), torch.randn(1, 4, 6)
    for kind, alike in (("cosine", True), ("softmax", False), ("none", False)):
        phi, longer = (patch_correlation(factor * left, right, kind=kind) for factor in (1, 3))
        assert torch.allclose(phi, longer, atol=1e-5) is alike


def test_bare_dot_product_known_answer() -> None:
    phi = patch_correlation(torch.ones(1, 1, 4), torch.tensor([[[1.0] * 4, [2.0] * 4]]), kind="none")
    assert phi.tolist() == [[[4 / 2 / 2, 8 / 2 / 2]]]


@pytest.mark.parametrize("kind", ["softmax", "cosine", "none"])
def test_only_keys_are_sources_unless_there_is_none(kind: Correlation) -> None:
    left, right = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    keys = torch.tensor([[True, False, True], [False, False, False]])
    phi = patch_correlation(left, right, kind=kind, keys=keys)
    assert (phi[0, :, 1] == 0).all() and (phi[0, :, 0] != 0).all()
    torch.testing.assert_close(phi[0, :, ::2], patch_correlation(left[:1], right[:1, ::2], kind=kind)[0])
    torch.testing.assert_close(phi[1], patch_correlation(left, right, kind=kind)[1])


def test_zero_patches_and_large_scores_stay_finite() -> None:
    left = torch.cat([torch.zeros(1, 1, 4), torch.full((1, 1, 4), 1e4)], dim=1).requires_grad_()
    for kind in ("softmax", "cosine"):
        phi = patch_correlation(left, left, kind=kind)
        (gradient,) = torch.autograd.grad(phi[..., 0].sum(), left)
        assert phi.isfinite().all() and gradient.isfinite().all()


def test_autocast_leaves_the_correlation_in_float32() -> None:
    left, right = torch.randn(1, 6, 32), torch.randn(1, 6, 32)
    with torch.autocast("cpu", torch.bfloat16):
        phi = patch_correlation(left, right)
    assert phi.dtype == torch.float32 and torch.equal(phi, patch_correlation(left, right))
