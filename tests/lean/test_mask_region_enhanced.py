"""The lean form of mask-region enhancement is the same function, eager and as one operation to the compiler."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from showface.layers.correlation import Correlation
from showface.lean.layers import as_one
from showface.lean.mask_region_enhanced import LeanMaskRegion
from showface.networks.mask_region_enhanced import Details, MaskRegionConfig, MaskRegionEnhanced, fuse


def given(size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Two maps and the mask of two pictures, the first without a hole."""
    generator = torch.Generator().manual_seed(0)
    retrieved, visible = torch.randn(2, 2, 8, *size, generator=generator)
    mask = (torch.rand(2, 1, *size, generator=generator) < 0.2).float()
    mask[0] = 0
    return retrieved, visible, mask


@pytest.mark.parametrize("correlation", ["softmax", "cosine", "none"])
@pytest.mark.parametrize(("size", "patch", "stride"), [((8, 12), 2, 2), ((7, 9), 2, 2), ((8, 8), 4, 2)])
def test_it_is_the_same_function(size: tuple[int, int], patch: int, stride: int, correlation: Correlation) -> None:
    torch.manual_seed(1)
    module = MaskRegionEnhanced(MaskRegionConfig(channels=8, patch=patch, stride=stride, correlation=correlation))
    retrieved, visible, mask = given(size)
    with torch.no_grad():
        expected = module(retrieved, visible, mask)
        torch.testing.assert_close(LeanMaskRegion(module)(retrieved, visible, mask), expected, rtol=1e-4, atol=1e-5)
        fused = fuse(retrieved, visible, mask)
        maps = module.left(fused), module.right(fused), module.value(fused), mask, mask
        update = torch.ops.showface.mined_holes(*maps, patch, stride, correlation, False)
        torch.testing.assert_close(fused + mask * update, expected, rtol=1e-4, atol=1e-5)
        assert (expected[1] - fused[1]).abs().max() > 0.01  # mining did something, in the picture with a hole


def seen(size: tuple[int, int], mask: Tensor) -> Details:
    """Features of the face and two further pictures of it, a fifth of these hidden."""
    generator = torch.Generator().manual_seed(2)
    features = torch.randn(2, 8, 3 * size[0], size[1], generator=generator)
    hidden = (torch.rand(2, 1, 3 * size[0], size[1], generator=generator) < 0.2).float()
    hidden[:, :, : size[0]] = mask
    return Details(features[:, :, : size[0]], features, hidden)


@pytest.mark.parametrize("correlation", ["softmax", "cosine", "none"])
@pytest.mark.parametrize(("size", "patch", "stride"), [((8, 12), 2, 2), ((7, 9), 2, 2), ((8, 8), 4, 2)])
def test_it_is_the_same_function_of_details(
    size: tuple[int, int], patch: int, stride: int, correlation: Correlation
) -> None:
    torch.manual_seed(1)
    module = MaskRegionEnhanced(
        MaskRegionConfig(
            channels=8, patch=patch, stride=stride, correlation=correlation, details=True,
        )
    )  # fmt: skip
    retrieved, visible, mask = given(size)
    details = seen(size, mask)
    with torch.no_grad():
        expected = module(retrieved, visible, mask, details)
        got = LeanMaskRegion(module)(retrieved, visible, mask, details)
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
        fused = fuse(retrieved, visible, mask)
        left, right, value, hidden = module.maps(fused, mask, details)
        update = torch.ops.showface.mined_holes(left, right, value, mask, hidden, patch, stride, correlation, True)
        torch.testing.assert_close(fused + mask * update, expected, rtol=1e-4, atol=1e-5)
        assert (expected[1] - fused[1]).abs().max() > 0.01
        assert torch.equal(LeanMaskRegion(module)(retrieved, visible, mask), fused), "without them nothing is mined"


@pytest.mark.parametrize(("patch", "stride"), [(2, 2), (4, 2)])
def test_in_bfloat16_it_is_as_near_as_that_allows(patch: int, stride: int) -> None:
    torch.manual_seed(1)
    module = MaskRegionEnhanced(MaskRegionConfig(channels=8, patch=patch, stride=stride))
    retrieved, visible, mask = given((8, 8))
    with torch.no_grad():
        exact = module(retrieved, visible, mask)
        with torch.autocast("cpu", torch.bfloat16):
            usual, lean = module(retrieved, visible, mask), LeanMaskRegion(module)(retrieved, visible, mask)
    assert lean.dtype == torch.float32
    torch.testing.assert_close(lean, exact, rtol=2**-6, atol=2**-6)
    assert (lean - exact).abs().mean() < 1.5 * (usual - exact).abs().mean()


@pytest.mark.parametrize(("count", "bias", "groups"), [(1, True, 2), (2, True, 1), (2, False, 1)])
def test_convolutions_as_one(count: int, bias: bool, groups: int) -> None:
    several = [nn.Conv2d(4, 6, 3, padding=1, bias=bias, groups=groups, padding_mode="reflect") for _ in range(count)]
    x = torch.randn(2, 4, 5, 7)
    one = as_one(several)
    torch.testing.assert_close(one(x), torch.cat([each(x) for each in several], dim=1))
    assert one.weight.data_ptr() not in {each.weight.data_ptr() for each in several}  # it may be written to
