"""Source alignment: warping by hand, what sources may and may not change in the face, who gets a gradient."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from showface.errors import SettingError
from showface.losses.sources import registration_loss
from showface.networks.source_alignment import (
    CERTAIN,
    SOFT,
    Aligned,
    SourceAlignment,
    SourceAlignmentConfig,
    joined,
    rising,
    shown_in_hole,
    soft_difference,
    warp,
)
from showface.networks.source_matching import SourceMatchingConfig
from showface.networks.sources import Sources, with_mirror

MATCHING = SourceMatchingConfig(fold=2, widths=(8, 8, 8), judging=(8, 8), reach=2, spread=1.0)
CONFIG = SourceAlignmentConfig(matching=MATCHING, fold=4, widths=(8, 8, 8), dilations=(1, 2))
HEIGHT, WIDTH = 32, 48


def faces(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Two coarse faces and what of them is hidden: a part of the left half, and a stripe across the middle."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.zeros(2, 1, HEIGHT, WIDTH)
    mask[0, :, 4:20, 2:18] = 1
    mask[1, :, 10:20, 16:36] = 1
    return torch.rand(2, 3, HEIGHT, WIDTH, generator=generator) * 2 - 1, mask


def views(count: int = 1, seed: int = 3) -> Sources:
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.zeros(2, count, 1, HEIGHT, WIDTH)
    hidden[..., :8] = 1
    return Sources(torch.rand(2, count, 3, HEIGHT, WIDTH, generator=generator) * 2 - 1, hidden)


def built(*, moved: bool = True, config: SourceAlignmentConfig = CONFIG) -> SourceAlignment:
    """A seeded alignment; `moved` gives its last layers, which start at zero, something to say.

    Otherwise every cell is matched with its own, unless that one is hidden.
    """
    torch.manual_seed(0)
    made = SourceAlignment(config)
    if moved:
        for layer in (made.matching.correction[-1], made.confidence):
            nn.init.normal_(layer.weight, std=0.3)
    else:
        nn.init.constant_(made.matching.nearness, math.log(100.0))
    return made


# ---------------------------------------------------------------------------------------------- warp


@pytest.mark.parametrize("cells", [(HEIGHT, WIDTH), (8, 12), (1, 1)])
def test_no_flow_gives_the_pictures_back(cells: tuple[int, int]) -> None:
    pictures = torch.rand(2, 4, HEIGHT, WIDTH)
    torch.testing.assert_close(warp(pictures, torch.zeros(2, 2, *cells)), pictures, rtol=0, atol=1e-5)


@given(right=st.integers(-9, 9), down=st.integers(-9, 9))
def test_a_flow_of_whole_pixels_looks_so_many_to_the_right_and_down_and_repeats_the_border(
    right: int, down: int
) -> None:
    pictures = torch.rand(1, 2, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    flow = torch.tensor([right / WIDTH, down / HEIGHT]).view(1, 2, 1, 1).expand(1, 2, 8, 12)
    rows = (torch.arange(HEIGHT) + down).clamp(0, HEIGHT - 1)
    columns = (torch.arange(WIDTH) + right).clamp(0, WIDTH - 1)
    torch.testing.assert_close(warp(pictures, flow), pictures[:, :, rows][..., columns], rtol=0, atol=1e-4)


def test_half_a_pixel_is_the_mean_of_two() -> None:
    pictures = torch.rand(1, 1, 4, 8)
    flow = torch.zeros(1, 2, 4, 8)
    flow[:, 0] = 0.5 / 8
    expected = (pictures[..., :-1] + pictures[..., 1:]) / 2
    torch.testing.assert_close(warp(pictures, flow)[..., :-1], expected, rtol=0, atol=1e-5)


def test_each_picture_has_a_flow_of_its_own() -> None:
    pictures, flow = torch.rand(2, 3, 8, 8), torch.zeros(2, 2, 2, 2)
    flow[1, 0] = 1 / 8
    warped = warp(pictures, flow)
    torch.testing.assert_close(warped[0], pictures[0], rtol=0, atol=1e-5)
    torch.testing.assert_close(warped[1, :, :, :-1], pictures[1, :, :, 1:], rtol=0, atol=1e-5)


# ---------------------------------------------------------------------------------------------- joined, soft difference


def test_of_several_pictures_mostly_the_surest_is_seen() -> None:
    pictures = torch.tensor([1.0, 4.0]).view(1, 2, 1, 1, 1).expand(1, 2, 3, 2, 2)
    confidence = torch.tensor([0.5, 1.0]).view(1, 2, 1, 1, 1).expand(1, 2, 1, 2, 2)
    merged, sure = joined(pictures, confidence)
    torch.testing.assert_close(merged, torch.full((1, 3, 2, 2), (1 / 16 + 4) / (17 / 16)), rtol=1e-5, atol=0)
    assert (sure == 1).all()


def test_what_nobody_shows_is_nothing_and_surely_not_a_number_too_large() -> None:
    merged, sure = joined(torch.rand(1, 3, 3, 2, 2), torch.zeros(1, 3, 1, 2, 2))
    assert not merged.any() and not sure.any()


def test_a_constant_difference_comes_back_and_detail_does_not() -> None:
    weight = torch.ones(1, 1, 32, 48)
    constant = torch.tensor([0.5, -0.2, 0.1]).view(1, 3, 1, 1).expand(1, 3, 32, 48)
    torch.testing.assert_close(soft_difference(constant, weight), constant, rtol=2e-3, atol=0)
    checks = ((torch.arange(32)[:, None] + torch.arange(48)) % 2 * 2.0 - 1).expand(1, 3, 32, 48)
    torch.testing.assert_close(soft_difference(checks, weight), torch.zeros(1, 3, 32, 48), rtol=0, atol=1e-6)


def test_a_slope_stays_inside_and_what_weighs_nothing_does_not_count() -> None:
    slope = (torch.arange(64) / 64).expand(1, 3, 64, 64).contiguous()
    weight = torch.ones(1, 1, 64, 64)
    inside = (slice(None), slice(None), slice(None), slice(2 * SOFT, -2 * SOFT))
    torch.testing.assert_close(soft_difference(slope, weight)[inside], slope[inside], rtol=0.01, atol=0.01)
    constant = torch.full((1, 3, 64, 64), 0.25)
    weight[..., 32:] = 0
    constant[..., 32:] = 99
    torch.testing.assert_close(
        soft_difference(constant, weight)[..., :32], torch.full((1, 3, 64, 32), 0.25), rtol=0.01, atol=0
    )


# ---------------------------------------------------------------------------------------------- the network


def aligned(network: SourceAlignment, sources: Sources | None = None) -> Aligned:
    coarse, mask = faces()
    found: Aligned = network(coarse, mask, with_mirror(coarse, mask, sources))
    return found


def test_a_share_rises_smoothly_from_nothing_to_all() -> None:
    x = torch.tensor([0.0, 0.2, 0.3, 0.4, 0.5, 0.9])
    torch.testing.assert_close(rising(x, 0.2, 0.4), torch.tensor([0, 0, 0.5, 1, 1, 1.0]))
    between = rising(torch.linspace(0.2, 0.4, 50), 0.2, 0.4)
    assert (between.diff() >= 0).all()


def test_in_the_hole_alone_and_only_for_its_share_a_picture_is_shown() -> None:
    coarse, picture = torch.full((1, 3, 32, 32), 0.1), torch.full((1, 3, 32, 32), 0.6)
    picture[..., 15:17, 15:17] += 0.2
    mask, share = torch.zeros(1, 1, 32, 32), torch.full((1, 1, 32, 32), 0.5)
    mask[..., 8:24, 8:24] = 1
    shown = shown_in_hole(coarse, mask, picture, share)
    assert torch.equal(shown * (1 - mask), coarse * (1 - mask))
    assert torch.equal(shown_in_hole(coarse, mask, picture, 0 * share), coarse)
    assert shown[..., 15, 15].sub(shown[..., 9, 9]).mean().item() == pytest.approx(0.1, abs=0.01), "half of the detail"


def test_sources_that_lie_right_stay_where_they_are_and_nothing_is_known_of_what_serves() -> None:
    coarse, mask = faces()
    network, sources = built(moved=False), views()
    whole = Sources(sources.images, 0 * sources.hidden)
    found: Aligned = network(coarse, mask, whole)
    assert found.flow.shape == (2, 1, 2, HEIGHT // 16, WIDTH // 16) and found.flow.abs().max() < 1e-6
    torch.testing.assert_close(found.pictures, whole.images, rtol=0, atol=1e-4)
    torch.testing.assert_close(found.visible, torch.ones(2, 1, 1, HEIGHT, WIDTH))
    torch.testing.assert_close(found.confidence, found.visible / 2)
    assert found.logits.shape == (2, 1, 1, HEIGHT // 4, WIDTH // 4) and not found.logits.any()
    torch.testing.assert_close(found.share, mask * rising(found.confidence[:, 0], *CERTAIN))


def test_what_is_hidden_of_a_source_is_warped_with_it() -> None:
    coarse, mask = faces()
    network = built()
    found = aligned(network)
    images, hidden = with_mirror(coarse, mask).flat()
    warped = warp(torch.cat([images, 1 - hidden], dim=1), network.matching(coarse, mask, images, hidden))
    torch.testing.assert_close(found.pictures[:, 0], warped[:, :3])
    torch.testing.assert_close(found.visible[:, 0], (2 * warped[:, 3:] - 1).clamp(0, 1))


def test_the_confidence_is_judged_by_what_was_brought() -> None:
    """The same coarse face and the same source, which lies elsewhere: other logits."""
    coarse, mask = faces()
    network, sources = built(), views()
    sources = Sources(sources.images, 0 * sources.hidden)
    before: Aligned = network(coarse, mask, sources)
    nn.init.constant_(network.matching.correction[-1].bias, 1.0)  # one cell to the right and down
    after: Aligned = network(coarse, mask, sources)
    assert (after.flow - before.flow).abs().min() > 0.05
    assert (after.logits - before.logits).abs().max() > 0.05


def test_on_the_face_lies_the_sources_detail_in_the_coarse_faces_light() -> None:
    """A mirror image twice as bright, with checks that the coarse face has not: checks at the right brightness."""
    coarse, mask = torch.full((1, 3, 64, 64), 0.2), torch.zeros(1, 1, 64, 64)
    mask[..., 20:44, 20:44] = 1
    checks = ((torch.arange(64)[:, None] + torch.arange(64)) % 2 * 0.2 - 0.1).expand(1, 3, 64, 64)
    source = Sources((coarse + 0.5 + checks)[:, None], torch.zeros(1, 1, 1, 64, 64))
    network = built(moved=False)
    nn.init.constant_(network.confidence.bias, 4.0)
    found: Aligned = network(coarse, mask, source)
    expected = coarse + found.share * checks
    torch.testing.assert_close(found.face[..., 24:40, 24:40], expected[..., 24:40, 24:40], rtol=0, atol=5e-3)
    assert (found.share[:, :, 20:44, 20:44] > 0.99).all()


@pytest.mark.parametrize("moved", [False, True])
def test_outside_the_hole_and_where_nothing_is_seen_the_face_is_the_coarse_one(moved: bool) -> None:
    coarse, mask = faces()
    found = aligned(built(moved=moved), views())
    known = (mask == 0).expand_as(coarse)
    assert torch.equal(found.face[known], coarse[known]) and not found.share[mask == 0].any()
    assert not torch.equal(found.face, coarse)
    everything = Sources(coarse[:, None], torch.ones(2, 1, 1, HEIGHT, WIDTH))
    nothing: Aligned = built(moved=moved)(coarse, mask, everything)
    assert torch.equal(nothing.face, coarse) and not nothing.share.any() and not nothing.confidence.any()


def test_confidence_is_none_where_the_warped_source_is_hidden() -> None:
    found = aligned(built(), views())
    coarse, mask = faces()
    _, hidden = with_mirror(coarse, mask, views()).flat()
    shown = warp(1 - hidden, found.flow.flatten(0, 1)).unflatten(0, (2, 2))
    assert found.flow.abs().max() > 0.02
    assert not found.confidence[shown <= 0.5].any()
    assert (found.visible[shown > 0.999] > 0.99).all() and (found.confidence <= found.visible).all()
    assert found.confidence.max() > 0.5


def test_a_wholly_hidden_picture_changes_nothing() -> None:
    network, alone = built(), aligned(built())
    blank = Sources(torch.full((2, 1, 3, HEIGHT, WIDTH), 0.7), torch.ones(2, 1, 1, HEIGHT, WIDTH))
    with_blank = aligned(network, blank)
    assert not with_blank.confidence[:, 1].any()
    for name in ("face", "share"):
        torch.testing.assert_close(getattr(with_blank, name), getattr(alone, name), rtol=0, atol=1e-6)


def test_what_hidden_pixels_hold_does_not_matter() -> None:
    network, sources = built(), views()
    other = Sources(torch.where(sources.hidden > 0, -0.9, sources.images), sources.hidden)
    one, two = aligned(network, sources), aligned(network, other)
    assert all(torch.equal(getattr(one, name), getattr(two, name)) for name in Aligned._fields)


def test_the_order_of_pictures_does_not_matter_nor_who_else_is_in_the_batch() -> None:
    coarse, mask = faces()
    network, sources = built(), views(2)
    turned = Sources(sources.images.flip(1), sources.hidden.flip(1))
    one, two = aligned(network, sources), aligned(network, turned)
    torch.testing.assert_close(one.face, two.face, rtol=0, atol=1e-6)
    torch.testing.assert_close(one.flow[:, 1], two.flow[:, 2], rtol=0, atol=1e-6)
    first = Sources(sources.images[:1], sources.hidden[:1])
    single: Aligned = network(coarse[:1], mask[:1], with_mirror(coarse[:1], mask[:1], first))
    for name in Aligned._fields:
        torch.testing.assert_close(getattr(single, name), getattr(one, name)[:1], rtol=0, atol=1e-5)


# ---------------------------------------------------------------------------------------------- gradients


def reached(network: nn.Module) -> set[str]:
    return {name.split(".")[0] for name, p in network.named_parameters() if p.grad is not None and p.grad.any()}


@pytest.mark.parametrize("moved", [False, True])
def test_the_loss_of_places_teaches_the_flow(moved: bool) -> None:
    """From the very start; it tells the confidence nothing."""
    coarse, _ = faces()
    network = built(moved=moved)
    pictures = aligned(network, views()).pictures.flatten(0, 1)
    registration_loss(pictures, coarse.repeat_interleave(2, dim=0), torch.ones_like(pictures[:, :1])).sum().backward()
    assert reached(network) == {"matching"}


@pytest.mark.parametrize("moved", [False, True])
def test_the_face_teaches_flow_and_confidence(moved: bool) -> None:
    network = built(moved=moved)
    (aligned(network, views()).face - 0.3).square().sum().backward()
    assert reached(network) == ({*dict(network.named_children())} if moved else {"matching", "confidence"})
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


def test_the_confidence_teaches_no_flow() -> None:
    """The way to it through the warped picture is closed: a flow would learn to look where all is sure."""
    network = built()
    aligned(network, views()).logits.square().sum().backward()
    assert reached(network) == {*dict(network.named_children())} - {"matching"}


def test_under_bfloat16_the_pictures_stay_exact() -> None:
    """Only features and confidence are estimated in it; places and colours are float32."""
    coarse, mask = faces()
    network, sources = built(moved=False), views()
    whole = Sources(sources.images, 0 * sources.hidden)
    with torch.autocast("cpu", torch.bfloat16):
        found: Aligned = network(coarse, mask, whole)
    assert found.pictures.dtype == found.flow.dtype == found.face.dtype == torch.float32
    exact: Aligned = network(coarse, mask, whole)
    torch.testing.assert_close(found.pictures, exact.pictures, rtol=0, atol=1e-5)
    torch.testing.assert_close(found.face, exact.face, rtol=0, atol=0.02)


# ---------------------------------------------------------------------------------------------- settings


def test_sides_are_multiples_of_the_smallest_map_and_of_the_soft_cells() -> None:
    assert SourceAlignmentConfig().multiple == SourceMatchingConfig().multiple == 32
    fine = SourceMatchingConfig(fold=1)
    assert SourceAlignmentConfig(matching=MATCHING, fold=3).multiple == 48
    assert SourceAlignmentConfig(matching=fine, fold=1).multiple == SOFT
    coarse, mask = torch.zeros(1, 3, 16, 32), torch.ones(1, 1, 16, 32)
    found: Aligned = built()(coarse, mask, with_mirror(coarse, mask))
    assert found.face.shape == coarse.shape


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"fold": 0}, "at least 1"), ({"widths": (8, 0, 8)}, "at least 1"), ({"dilations": (0,)}, "at least 1"),
    ],
)  # fmt: skip
def test_contradictions_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        SourceAlignmentConfig(**fields)
