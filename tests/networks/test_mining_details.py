"""Mining with details: what is really seen is taken, from wherever it is alike; without details nothing is new."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from showface.layers.correlation import fold_patches, unfold_patches
from showface.networks.mask_region_enhanced import (
    Details,
    MaskRegionConfig,
    MaskRegionEnhanced,
    fuse,
    masked_correlation_mining,
    mined,
    visible_patches,
)

CONFIG = MaskRegionConfig(channels=4, patch=2, stride=2, details=True, correlation="cosine")
HEIGHT, WIDTH = 6, 8
Given = tuple[Tensor, Tensor, Tensor, Details]


def given(pictures: int = 3) -> Given:
    """Retrieved and visible maps, a hole in the left half, features of `pictures` (the first is the face itself)."""
    generator = torch.Generator().manual_seed(0)
    retrieved, visible = torch.randn(2, 2, 4, HEIGHT, WIDTH, generator=generator)
    mask = torch.zeros(2, 1, HEIGHT, WIDTH)
    mask[..., 2:5, 1:4] = 1
    features = torch.randn(2, 4, pictures * HEIGHT, WIDTH, generator=generator)
    hidden = (torch.rand(2, 1, pictures * HEIGHT, WIDTH, generator=generator) < 0.2).float()
    hidden[:, :, :HEIGHT] = mask
    return retrieved, visible, mask, Details(features[:, :, :HEIGHT], features, hidden)


def built(config: MaskRegionConfig = CONFIG) -> MaskRegionEnhanced:
    torch.manual_seed(0)
    return MaskRegionEnhanced(config)


def identity(config: MaskRegionConfig = CONFIG) -> MaskRegionEnhanced:
    """Compares the face's own features with the pictures' as they are, and hands these on as they are."""
    module = built(replace(config, reduction=1))
    with torch.no_grad():
        for layer in (module.left, module.right, module.value):
            layer.weight.zero_()  # type: ignore[union-attr]
            layer.bias.zero_()  # type: ignore[union-attr]
        nn.init.eye_(module.left.weight[:, 4:, 0, 0])  # behind the fused features, the face's own
        nn.init.eye_(module.right.weight[:, :, 0, 0])
        nn.init.eye_(module.value.weight[:, :, 0, 0])  # type: ignore[index]
    return module


def test_outside_the_hole_nothing_changes_and_in_it_something_does() -> None:
    retrieved, visible, mask, details = given()
    fused = built()(retrieved, visible, mask, details)
    hole = mask.expand_as(fused) == 1
    assert torch.equal(fused[~hole], visible[~hole])
    assert not torch.isclose(fused[hole], retrieved[hole]).any()


def test_without_details_the_maps_are_fused_alone() -> None:
    retrieved, visible, mask, _ = given()
    assert torch.equal(built()(retrieved, visible, mask), fuse(retrieved, visible, mask))


def test_the_papers_module_is_what_it_was() -> None:
    """No layer more, no channel more, and F + M (Phi V) as one expression."""
    config = replace(CONFIG, details=False)
    module, (retrieved, visible, mask, _) = built(config), given()
    assert [p.shape for p in module.left.parameters()] == [(2, 4, 1, 1), (2,)]
    fused = fuse(retrieved, visible, mask)
    maps = module.left(fused), module.right(fused), module.value(fused)
    assert torch.equal(module(retrieved, visible, mask), masked_correlation_mining(fused, *maps, mask, mask, config))


@pytest.mark.parametrize("stride", [1, 2])
def test_hidden_patches_are_not_taken(stride: int) -> None:
    """Whatever they hold, in the face, its mirror image or a source; what is visible matters."""
    module = built(replace(CONFIG, stride=stride))
    retrieved, visible, mask, details = given()
    expected = module(retrieved, visible, mask, details)
    keys = visible_patches(details.hidden, patch=2, stride=stride)
    assert keys.any(dim=1).all() and not keys.all()
    ones = keys[..., None].expand(-1, -1, 4).float()
    taken = fold_patches(ones, (3 * HEIGHT, WIDTH), patch=2, stride=stride) > 0  # cells of a wholly visible patch
    other = details._replace(features=torch.where(taken, details.features, 7.0))
    assert not torch.equal(other.features, details.features)
    torch.testing.assert_close(module(retrieved, visible, mask, other), expected)
    moved = details._replace(features=torch.where(taken, 7.0, details.features))
    assert not torch.isclose(module(retrieved, visible, mask, moved), expected).all()


@pytest.mark.parametrize("picture", [0, 1, 2])
def test_the_one_patch_alike_is_found_in_whichever_picture_it_is(picture: int) -> None:
    """All others are at right angles to it; by a tenfold cosine it gets e^10 times their share."""
    retrieved, visible = torch.zeros(2, 1, 4, HEIGHT, WIDTH)
    mask = torch.zeros(1, 1, HEIGHT, WIDTH)
    mask[..., 2:4, 4:6] = 1  # one patch
    own = torch.zeros(1, 4, HEIGHT, WIDTH)
    own[:, 0, 2:4, 4:6] = 1
    features = torch.zeros(1, 4, 3 * HEIGHT, WIDTH)
    features[:, 1] = 1
    hidden = torch.zeros(1, 1, 3 * HEIGHT, WIDTH)
    hidden[:, :, :HEIGHT] = mask
    row = picture * HEIGHT + 4
    features[:, :, row : row + 2, 2:4] = 0
    features[:, 0, row : row + 2, 2:4] = torch.tensor([[0.9, 1.0], [1.1, 1.0]])
    details = Details(own, features, hidden)
    module = identity()
    got = module(retrieved, visible, mask, details)
    patch = features[:, :, row : row + 2, 2:4]
    torch.testing.assert_close(got[:, :, 2:4, 4:6], patch, rtol=0, atol=5e-3)
    shares = module.shares(retrieved, visible, mask, details)
    assert shares[0, 1 * 4 + 2].argmax() == row // 2 * 4 + 1
    assert shares[0, 1 * 4 + 2].max() > 0.99
    hidden[:, :, row, 2] = 1
    assert not module(retrieved, visible, mask, details)[:, 0].any(), "hidden in a corner, it is not taken"


def test_where_nothing_at_all_is_visible_everything_is_taken_and_stays_finite() -> None:
    retrieved, visible, mask, details = given()
    blind = details._replace(hidden=torch.ones_like(details.hidden))
    assert built()(retrieved, visible, torch.ones_like(mask), blind).isfinite().all()


@pytest.mark.parametrize(("size", "stride"), [((6, 8), 2), ((6, 8), 1), ((5, 7), 2)])
def test_mining_the_hole_alone_is_mining_and_keeping_the_hole(size: tuple[int, int], stride: int) -> None:
    torch.manual_seed(0)
    tall = (3 * size[0], size[1])
    left, right, value = torch.randn(2, 3, *size), torch.randn(2, 3, *tall), torch.randn(2, 5, *tall)
    mask, hidden = torch.zeros(2, 1, *size), (torch.rand(2, 1, *tall) < 0.2).float()
    mask[0, :, 1:3, 2:4] = 1  # and nothing in the second picture
    config = replace(CONFIG, stride=stride, correlation="softmax")
    zero = torch.zeros(2, 5, *size)
    expected = masked_correlation_mining(zero, left, right, value, mask, hidden, config)
    got = mask * mined(left, right, value, mask, hidden, 2, stride, "softmax", True)
    torch.testing.assert_close(got, expected)
    assert not got[1].any() and got[0].any()


def test_the_shares_that_figures_show_are_those_that_mix_the_patches() -> None:
    retrieved, visible, mask, details = given()
    module = built()
    fused = fuse(retrieved, visible, mask)
    shares = module.shares(retrieved, visible, mask, details)
    assert shares.shape == (2, 12, 36)
    torch.testing.assert_close(shares.sum(dim=2), torch.ones(2, 12))
    keys = visible_patches(details.hidden, patch=2, stride=2)
    assert not shares.masked_select(~keys[:, None].expand_as(shares)).any()
    values = unfold_patches(module.value(details.features), patch=2, stride=2)
    update = fold_patches(shares @ values, (HEIGHT, WIDTH), patch=2, stride=2)
    torch.testing.assert_close(module(retrieved, visible, mask, details), fused + mask * update)


def test_every_parameter_and_input_gets_a_gradient() -> None:
    retrieved, visible, mask, details = given()
    inputs = [x.clone().requires_grad_() for x in (retrieved, visible, details.own, details.features)]
    module = built()
    module(*inputs[:2], mask, Details(inputs[2], inputs[3], details.hidden)).square().sum().backward()
    for tensor in (*inputs, *module.parameters()):
        assert tensor.grad is not None and tensor.grad.any()


def test_a_face_is_on_its_own_in_a_batch() -> None:
    retrieved, visible, mask, details = given()
    module = built()
    both = module(retrieved, visible, mask, details)
    first = module(retrieved[:1], visible[:1], mask[:1], Details(*(part[:1] for part in details)))
    torch.testing.assert_close(both[:1], first)
