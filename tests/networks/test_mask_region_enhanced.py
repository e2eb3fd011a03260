"""Fusion and masked correlation mining: identity outside the hole, dense attention as the limit, extreme masks."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from showface.errors import SettingError
from showface.layers.correlation import fold_patches, unfold_patches
from showface.networks.mask_region_enhanced import (
    MaskRegionConfig,
    MaskRegionEnhanced,
    fuse,
    masked_correlation_mining,
    visible_patches,
)

VARIANTS = [
    MaskRegionConfig(channels=4, patch=2, stride=2),
    MaskRegionConfig(channels=4, patch=3, stride=1, correlation="cosine"),
    MaskRegionConfig(channels=4, patch=4, stride=3, correlation="none"),
]


def half_hole(height: int = 7, width: int = 9) -> torch.Tensor:
    """The left part is the hole."""
    mask = torch.zeros(2, 1, height, width)
    mask[..., : width // 2] = 1
    return mask


def test_fusion_takes_retrieved_in_the_hole_and_visible_elsewhere() -> None:
    fused = fuse(torch.full((1, 1, 1, 2), 5.0), torch.full((1, 1, 1, 2), 7.0), torch.tensor([[[[1.0, 0.0]]]]))
    assert fused.flatten().tolist() == [5, 7]


@pytest.mark.parametrize("config", VARIANTS, ids=lambda c: c.correlation)
def test_outside_the_hole_nothing_changes(config: MaskRegionConfig) -> None:
    retrieved, visible, mask = torch.randn(2, 4, 7, 9), torch.randn(2, 4, 7, 9), half_hole()
    fused = MaskRegionEnhanced(config)(retrieved, visible, mask)
    hole = mask.expand_as(fused) == 1
    assert torch.equal(fused[~hole], visible[~hole])
    assert not torch.isclose(fused[hole], retrieved[hole]).all()


@pytest.mark.parametrize("config", VARIANTS, ids=lambda c: c.correlation)
def test_empty_and_full_masks(config: MaskRegionConfig) -> None:
    retrieved, visible = torch.randn(2, 4, 7, 9), torch.randn(2, 4, 7, 9)
    module = MaskRegionEnhanced(config)
    assert torch.equal(module(retrieved, visible, torch.zeros(2, 1, 7, 9)), visible)
    full = module(retrieved, visible, torch.ones(2, 1, 7, 9))
    assert full.isfinite().all()
    assert torch.equal(full, module(retrieved, visible + 1, torch.ones(2, 1, 7, 9)))


def test_patches_of_one_cell_are_dense_attention() -> None:
    config = MaskRegionConfig(channels=6, patch=1, stride=1)
    module, mask = MaskRegionEnhanced(config), torch.ones(2, 1, 4, 5)
    features = torch.randn(2, 6, 4, 5)
    query, key, value = (
        f.flatten(2).transpose(1, 2) for f in (module.left(features), module.right(features), features)
    )
    attended = torch.nn.functional.scaled_dot_product_attention(query, key, value)
    expected = features + attended.transpose(1, 2).unflatten(2, (4, 5))
    torch.testing.assert_close(module(features, torch.zeros_like(features), mask), expected)


def test_flat_features_are_doubled_in_the_hole() -> None:
    """Shares sum to 1, so the mixture of equal patches is that patch."""
    features, mask = torch.ones(2, 4, 7, 9), half_hole()
    maps = features, features, features, features
    out = masked_correlation_mining(*maps, mask, mask, MaskRegionConfig(channels=4))
    torch.testing.assert_close(out, features + mask)


def test_details_shut_what_is_hidden_out() -> None:
    config = MaskRegionConfig(channels=4, patch=1, stride=1, details=True)
    values, mask, zero = torch.randn(2, 4, 7, 9), half_hole(), torch.zeros(2, 4, 7, 9)
    left = torch.randn(2, 4, 7, 9)
    update = masked_correlation_mining(zero, left, left, values, mask, mask, config)
    assert torch.equal(update, masked_correlation_mining(zero, left, left, values + 9 * mask, mask, mask, config))


def test_visible_patches_have_no_hole_cell() -> None:
    mask = torch.zeros(1, 1, 4, 6)
    mask[0, 0, 0, 0] = mask[0, 0, 3, 5] = 1
    assert visible_patches(mask, patch=2, stride=2).tolist() == [[False, True, True, True, True, False]]


def test_every_parameter_and_input_gets_a_gradient() -> None:
    retrieved = torch.randn(2, 4, 7, 9, requires_grad=True)
    visible = torch.randn(2, 4, 7, 9, requires_grad=True)
    module = MaskRegionEnhanced(VARIANTS[2])
    module(retrieved, visible, half_hole()).square().sum().backward()
    for tensor in (retrieved, visible, *module.parameters()):
        assert tensor.grad is not None and tensor.grad.abs().sum() > 0


def test_bfloat16_autocast_keeps_the_identity() -> None:
    retrieved, visible, mask = torch.randn(2, 4, 7, 9), torch.randn(2, 4, 7, 9), half_hole()
    module = MaskRegionEnhanced(VARIANTS[0])
    with torch.autocast("cpu", torch.bfloat16):
        fused = module(retrieved, visible, mask)
    hole = mask.expand_as(fused) == 1
    assert torch.equal(fused[~hole], visible[~hole])
    torch.testing.assert_close(fused, module(retrieved, visible, mask), atol=0.05, rtol=0.05)


@pytest.mark.parametrize(
    "fields", [{"patch": 0}, {"patch": 2, "stride": 4}, {"channels": 5}, {"reduction": 0}, {"channels": 0}], ids=str
)
def test_contradictions_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="mask region"):
        MaskRegionConfig(**fields)


@pytest.mark.parametrize("config", VARIANTS, ids=lambda c: c.correlation)
def test_the_shares_that_figures_show_are_those_that_mix_the_patches(config: MaskRegionConfig) -> None:
    """F + M (Phi V), put together again from `shares`, is what the module computes."""
    retrieved, visible, mask = torch.randn(2, 4, 7, 9), torch.randn(2, 4, 7, 9), half_hole()
    module = MaskRegionEnhanced(config)
    fused = fuse(retrieved, visible, mask)
    values = unfold_patches(module.value(fused), patch=config.patch, stride=config.stride)
    mixed = module.shares(retrieved, visible, mask) @ values
    update = fold_patches(mixed, (7, 9), patch=config.patch, stride=config.stride)
    assert torch.allclose(module(retrieved, visible, mask), fused + mask * update, atol=1e-6)
