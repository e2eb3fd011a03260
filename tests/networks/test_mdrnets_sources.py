"""MDRNets with sources: what they may and may not change in a face, what each box is handed, who learns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from showface.errors import SettingError
from showface.layers.regions import broadcast, one_hot, region_pool
from showface.masks import composite, downsample_mask
from showface.networks.disentangled_memory import Personal
from showface.networks.guided_refinement import Brought
from showface.networks.mask_region_enhanced import Details, fuse
from showface.networks.mdrnets import MDRNets, MDRNetsConfig, MDRNetsOutput, Seen, details_of
from showface.networks.source_alignment import SourceAlignmentConfig
from showface.networks.source_matching import SourceMatchingConfig
from showface.networks.sources import MOST, Sources, with_mirror
from showface.semantics import CATEGORY_COUNT

SIZE = 64
FIELDS = ("coarse", "queries", "visible", "fused", "raw", "completed")


@pytest.fixture
def network(sourced_network: MDRNets) -> MDRNets:
    return sourced_network


def batch() -> tuple[Tensor, Tensor]:
    """Two faces; of the first an eye's place is hidden, of the second the lower half."""
    generator = torch.Generator().manual_seed(5)
    mask = torch.zeros(2, 1, SIZE, SIZE)
    mask[0, :, 20:34, 8:28] = 1
    mask[1, :, 32:] = 1
    return torch.rand(2, 3, SIZE, SIZE, generator=generator) * 2 - 1, mask


def views(count: int = 2, size: int = SIZE) -> Sources:
    """Other pictures of both people, a part of each hidden."""
    generator = torch.Generator().manual_seed(6)
    hidden = torch.zeros(2, count, 1, size, size)
    hidden[:, ::2, :, 24:40, 30:50] = 1
    hidden[:, 1::2, :, :10] = 1
    return Sources(torch.rand(2, count, 3, size, size, generator=generator) * 2 - 1, hidden)


def assert_close(one: MDRNetsOutput, other: MDRNetsOutput, tolerance: float = 1e-5) -> None:
    assert torch.equal(one.semantic_map, other.semantic_map)
    for name in FIELDS:
        torch.testing.assert_close(getattr(one, name), getattr(other, name), rtol=0, atol=tolerance)


# ---------------------------------------------------------------------------------------------- what may not change


@pytest.mark.parametrize("further", [None, views()], ids=["alone", "further"])
def test_known_pixels_are_bit_equal(network: MDRNets, further: Sources | None) -> None:
    image, mask = batch()
    output = network(image, mask, further)
    assert output.aligned is not None
    for result in (output.completed, output.coarse, output.aligned.face):
        assert torch.equal(result * (1 - mask), image * (1 - mask))
    assert torch.equal(output.completed, composite(image, output.raw, mask))


@pytest.mark.parametrize("content", [0.0, 1.0, torch.nan])
def test_what_the_hole_holds_does_not_matter(network: MDRNets, content: float) -> None:
    image, mask = batch()
    expected, found = network(image, mask, views()), network(image.masked_fill(mask > 0, content), mask, views())
    for name in FIELDS:
        assert torch.equal(getattr(expected, name), getattr(found, name)), name


def test_what_is_hidden_of_a_source_does_not_matter_and_the_rest_does(network: MDRNets) -> None:
    image, mask = batch()
    sources = views()
    other = Sources(torch.where(sources.hidden > 0, 0.9, sources.images), sources.hidden)
    expected, found = network(image, mask, sources), network(image, mask, other)
    for name in FIELDS:
        assert torch.equal(getattr(expected, name), getattr(found, name)), name
    moved = Sources(torch.where(sources.hidden > 0, sources.images, 0.9), sources.hidden)
    assert (network(image, mask, moved).completed - expected.completed).abs().max() > 0.01


@pytest.mark.parametrize("count", [1, MOST])
def test_a_wholly_hidden_source_is_none(network: MDRNets, count: int) -> None:
    image, mask = batch()
    blank = Sources(torch.full((2, count, 3, SIZE, SIZE), 0.5), torch.ones(2, count, 1, SIZE, SIZE))
    assert_close(network(image, mask, blank), network(image, mask))


def test_no_sources_at_all_are_as_good_as_none(network: MDRNets) -> None:
    image, mask = batch()
    assert_close(network(image, mask, views(0)), network(image, mask), 0)


def test_the_order_of_sources_does_not_matter(network: MDRNets) -> None:
    image, mask = batch()
    sources = views()
    turned = Sources(sources.images.flip(1), sources.hidden.flip(1))
    assert_close(network(image, mask, sources), network(image, mask, turned))


def test_a_face_is_on_its_own_in_a_batch(network: MDRNets) -> None:
    image, mask = batch()
    sources = views()
    both = network(image, mask, sources)
    for number in range(2):
        one = slice(number, number + 1)
        single = network(image[one], mask[one], Sources(sources.images[one], sources.hidden[one]))
        for name in FIELDS:
            torch.testing.assert_close(getattr(single, name), getattr(both, name)[one], rtol=0, atol=1e-5)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_extreme_masks(network: MDRNets, share: float) -> None:
    image, _ = batch()
    for further in (None, views()):
        output = network(image, torch.full((2, 1, SIZE, SIZE), share), further)
        assert output.completed.isfinite().all() and output.fused.isfinite().all()
        assert share == 1 or torch.equal(output.completed, image)


# ---------------------------------------------------------------------------------------------- what boxes are handed


def test_each_box_is_handed_what_the_others_made(network: MDRNets) -> None:
    """Step by step, from the boxes themselves."""
    image, mask = batch()
    output = network(image, mask, views())
    size = (output.semantic_map.shape[1], output.semantic_map.shape[2])
    sources = with_mirror(output.coarse, mask, views())
    pictures, hidden = sources.flat()
    aligned = network.alignment(output.coarse, mask, sources)  # type: ignore[misc]
    features, hole = network.style_encoder(output.coarse), downsample_mask(mask, size)
    theirs = network.style_encoder(pictures).unflatten(0, (2, 3))
    hidden = downsample_mask(hidden, size).unflatten(0, (2, 3))
    shown = Seen(torch.cat([features[:, None], theirs], dim=1), torch.cat([hole[:, None], hidden], dim=1))
    regions = one_hot(output.semantic_map, CATEGORY_COUNT)
    maps = broadcast(output.retrieved.vectors, regions), broadcast(output.visible, regions)
    fused = network.mask_region(*maps, hole, details_of(shown))
    torch.testing.assert_close(output.fused, fused)
    raw = network.refinement(output.coarse, mask, fused, Brought(aligned.face, aligned.share))
    torch.testing.assert_close(output.raw, raw)
    assert not torch.equal(output.fused, fuse(*maps, hole))


def test_details_lie_one_below_the_other_the_face_first() -> None:
    features, hidden = torch.rand(2, 3, 4, 5, 6), torch.rand(2, 3, 1, 5, 6)
    details: Details = details_of(Seen(features, hidden))
    assert torch.equal(details.own, features[:, 0])
    for number in range(3):
        rows = slice(5 * number, 5 * number + 5)
        assert torch.equal(details.features[:, :, rows], features[:, number])
        assert torch.equal(details.hidden[:, :, rows], hidden[:, number])


def test_the_person_is_what_is_seen_of_the_face_and_its_further_sources(network: MDRNets) -> None:
    image, mask = batch()
    sources = views()
    output = network(image, mask, sources)
    size = (output.semantic_map.shape[1], output.semantic_map.shape[2])
    regions = one_hot(output.semantic_map, CATEGORY_COUNT) * (1 - downsample_mask(mask, size))
    vectors, seen = [output.visible], [regions.sum(dim=(2, 3)) > 0]
    for number in range(2):
        hidden = sources.hidden[:, number]
        picture = sources.images[:, number] * (1 - hidden)
        parsed = one_hot(network.parser.semantic_map(picture, size), CATEGORY_COUNT)
        found = region_pool(network.style_encoder(picture), parsed * (1 - downsample_mask(hidden, size)))
        for own, one in zip((vectors, seen), found, strict=True):
            own.append(one)
    person = Personal(torch.stack(vectors, dim=2), torch.stack(seen, dim=2))
    expected = network.memory.read(output.queries, person)
    torch.testing.assert_close(output.retrieved.vectors, expected.vectors, rtol=0, atol=1e-5)
    assert person.seen[:, :, 1:].any() and not person.seen.all()
    alone = network(image, mask).retrieved.vectors
    assert (alone - output.retrieved.vectors).abs().max() > 1e-3


def test_the_memory_learns_from_the_face_alone(network: MDRNets) -> None:
    image, mask = batch()
    states = []
    for further in (None, views()):
        made = MDRNets(network.config).eval()
        made.load_state_dict(network.state_dict())
        with torch.no_grad():
            made(image, mask, further, update_memory=True)
        states.append(made.memory.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not torch.equal(states[0]["slots"], network.memory.slots)


def test_what_was_read_beforehand_is_not_computed_again(network: MDRNets) -> None:
    image, mask = batch()
    assert_close(network(image, mask, views(), read=network.look(image, mask)), network(image, mask, views()), 0)


# ---------------------------------------------------------------------------------------------- who learns


def test_gradients_reach_the_learning_boxes_only(network: MDRNets) -> None:
    made = MDRNets(network.config).eval()
    made.load_state_dict(network.state_dict())
    made.requires_grad_(True).coarse.requires_grad_(False)
    made(*batch(), views()).completed.square().sum().backward()
    reached = {name for name, p in made.named_parameters() if p.grad is not None and p.grad.any()}
    learning = {"style_encoder", "mask_region", "refinement"}
    boxes = learning | {"alignment"}  # which could learn here, but comes finished
    assert reached == {name for name, _ in made.named_parameters() if name.split(".")[0] in boxes}
    assert set(made.refined()) == learning


# ---------------------------------------------------------------------------------------------- settings


def without_sources(config: MDRNetsConfig) -> dict[str, Any]:
    """The same layout for the face alone: mining as in the paper, and a refinement that sees no other picture."""
    return {
        "sources": None, "mask_region": replace(config.mask_region, details=False),
        "refinement": replace(config.refinement, sources=False),
    }  # fmt: skip


@pytest.mark.parametrize("box", ["mask_region", "refinement"])
def test_boxes_that_need_sources_say_so(network: MDRNets, box: str) -> None:
    with pytest.raises(SettingError, match="need sources; give it a configuration"):
        replace(network.config, **(without_sources(network.config) | {box: getattr(network.config, box)}))


def test_a_network_made_for_none_refuses_further_pictures(network: MDRNets) -> None:
    made = MDRNets(replace(network.config, **without_sources(network.config))).eval()
    with pytest.raises(SettingError, match="made for no further pictures of the person; leave them out"):
        made(*batch(), views())
    assert made(*batch()).aligned is None and made(*batch(), views(0)).aligned is None


def test_misfits_are_refused(network: MDRNets) -> None:
    with pytest.raises(SettingError, match=f"at most {MOST}"):
        network(*batch(), views(MOST + 1))
    with pytest.raises(SettingError, match="align them first"):
        network(*batch(), views(1, size=32))


def test_sides_fit_every_box(tiny_config: MDRNetsConfig, network: MDRNets) -> None:
    assert network.multiple == 16 and MDRNets(tiny_config).multiple == tiny_config.coarse.multiple
    matching = SourceMatchingConfig(fold=1, widths=(4, 4, 4), judging=(4, 4))
    sources = SourceAlignmentConfig(matching=matching, fold=3, widths=(4, 4, 4), dilations=())
    assert MDRNets(replace(network.config, sources=sources)).multiple == 24
    sources = replace(sources, matching=replace(matching, fold=5))
    assert MDRNets(replace(network.config, sources=sources)).multiple == 120


@pytest.mark.parametrize("box", ["sources without details", "details without personal", "no mask region"])
def test_each_part_works_without_the_others(network: MDRNets, box: str) -> None:
    config = network.config
    changes: dict[str, MDRNetsConfig] = {
        "sources without details": replace(config, mask_region=replace(config.mask_region, details=False)),
        "details without personal": replace(config, memory=replace(config.memory, personal=False)),
        "no mask region": replace(config, use_mask_region=False),
    }
    output = MDRNets(changes[box]).eval()(*batch(), views())
    assert output.completed.isfinite().all() and output.aligned is not None
