"""MDRNets as a whole: what passes from box to box, what the hole may not touch, who learns, Table 2's switches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from showface.errors import SettingError
from showface.layers.regions import broadcast, one_hot
from showface.masks import composite, downsample_mask
from showface.networks.face_parser import FaceParser, FaceParserConfig
from showface.networks.mask_region_enhanced import fuse
from showface.networks.mdrnets import MDRNets, MDRNetsConfig, MDRNetsOutput
from showface.semantics import CATEGORY_COUNT

SIZE = 64


@pytest.fixture(scope="module")
def config(tiny_config: MDRNetsConfig) -> MDRNetsConfig:
    return replace(tiny_config, parser=FaceParserConfig(widths=(8, 8)))


@pytest.fixture
def network(config: MDRNetsConfig) -> Iterator[MDRNets]:
    """Random weights everywhere, the refinement's last convolution included, and a memory that has seen something."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = MDRNets(config).eval()
        nn.init.normal_(made.refinement.head.weight, std=0.05)
        with torch.no_grad():
            made(*batch(), update_memory=True)
        yield made


def batch() -> tuple[Tensor, Tensor]:
    """Two faces; the first mask hides a block, the second whole rows of cells and some lone pixels."""
    generator = torch.Generator().manual_seed(5)
    mask = torch.zeros(2, 1, SIZE, SIZE)
    mask[0, :, 10:50, 16:60] = 1
    mask[1, :, :32] = 1
    mask[1, :, 40, ::7] = 1
    return torch.rand(2, 3, SIZE, SIZE, generator=generator) * 2 - 1, mask


def test_known_pixels_are_bit_equal(network: MDRNets) -> None:
    image, mask = batch()
    output = network(image, mask)
    for result in (output.completed, output.coarse):
        assert torch.equal(result * (1 - mask), image * (1 - mask))
    assert not torch.equal(output.completed, output.coarse)
    assert torch.equal(output.completed, composite(image, output.raw, mask))


def test_thin_parts_of_the_hole_keep_the_coarse_face(config: MDRNetsConfig) -> None:
    """The lone pixels of the second mask are thin, the blocks are not; outside the hole nothing changes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = MDRNets(replace(config, refinement=replace(config.refinement, thin=9))).eval()
        nn.init.normal_(network.refinement.head.weight, std=0.05)
    image, mask = batch()
    output = network(image, mask)
    thin, thick = torch.zeros_like(mask, dtype=torch.bool), torch.zeros_like(mask, dtype=torch.bool)
    thin[1, :, 40, ::7] = True
    thick[0, :, 14:46, 20:56] = thick[1, :, :28] = True
    for where, shown in ((thin, output.coarse), (thick, output.raw)):
        assert torch.allclose(output.completed[where.expand(-1, 3, -1, -1)], shown[where.expand(-1, 3, -1, -1)])
    assert not torch.allclose(output.raw[thin.expand(-1, 3, -1, -1)], output.coarse[thin.expand(-1, 3, -1, -1)])
    assert torch.equal(output.completed * (1 - mask), image * (1 - mask))


@pytest.mark.parametrize("content", [0.0, 1.0, torch.nan])
def test_what_the_hole_holds_does_not_matter(network: MDRNets, content: float) -> None:
    image, mask = batch()
    expected, found = network(image, mask), network(image.masked_fill(mask > 0, content), mask)
    for name in ("coarse", "semantic_map", "queries", "visible", "fused", "raw", "completed"):
        assert torch.equal(getattr(expected, name), getattr(found, name)), name


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_extreme_masks(network: MDRNets, share: float) -> None:
    image, _ = batch()
    output = network(image, torch.full((2, 1, SIZE, SIZE), share))
    assert all(tensor.isfinite().all() for tensor in (output.raw, output.fused, output.completed))
    if share == 0:
        assert torch.equal(output.completed, image)
        assert torch.equal(output.queries, output.visible)
    else:
        assert torch.equal(output.visible, torch.zeros_like(output.visible))


def cells(output: MDRNetsOutput, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Regions (b, n, h', w') and the hole (b, 1, h', w') at the style encoder's resolution."""
    size = (output.semantic_map.shape[1], output.semantic_map.shape[2])
    return one_hot(output.semantic_map, CATEGORY_COUNT), downsample_mask(mask, size)


def test_queries_and_visible_are_means_of_their_cells(network: MDRNets) -> None:
    """Naive loops over pictures and categories."""
    image, mask = batch()
    output = network(image, mask)
    features = network.style_encoder(output.coarse)
    _, hole = cells(output, mask)
    for b in range(2):
        for category in range(CATEGORY_COUNT):
            own = output.semantic_map[b] == category
            seen = own & (hole[b, 0] == 0)
            assert bool(output.present[b, category]) == bool(own.any())
            for vectors, where in ((output.queries, own), (output.visible, seen)):
                mean = features[b, :, where].mean(dim=1) if where.any() else torch.zeros(features.shape[1])
                assert torch.allclose(vectors[b, category], mean, atol=1e-5)


def test_visible_vectors_are_never_read_where_there_are_none(network: MDRNets) -> None:
    image, mask = batch()
    mask[0, :, :, :] = 1
    mask[0, :, 0:4, 0:4] = 0  # one cell is visible, so most categories have no visible cell
    output = network(image, mask)
    regions, hole = cells(output, mask)
    seen = (regions * (1 - hole)).sum(dim=(2, 3)) > 0  # (b, n)
    assert (~seen & (output.present > 0)).any()
    poisoned = torch.where(seen[..., None], output.visible, 1e6)
    memory_map = broadcast(output.retrieved.vectors, regions)
    expected = fuse(memory_map, broadcast(output.visible, regions), hole)
    assert torch.equal(fuse(memory_map, broadcast(poisoned, regions), hole), expected)


def test_in_use_nothing_of_the_network_changes(network: MDRNets) -> None:
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network(*batch())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_the_memory_learns_from_what_is_present_and_visible(config: MDRNetsConfig) -> None:
    image, mask = batch()
    made = MDRNets(config).eval()
    output = made(image, mask, update_memory=True)
    regions, hole = cells(output, mask)
    seen = ((regions * (1 - hole)).sum(dim=(2, 3)) > 0).sum(dim=0)
    assert torch.equal(made.memory.seen, seen)


# ---------------------------------------------------------------------------------------------- who learns


@pytest.mark.parametrize("joint", [False, True])
def test_gradients_reach_the_learning_boxes_only(network: MDRNets, *, joint: bool) -> None:
    """The parser stays as it is even where its parameters ask for gradients; S has none."""
    for parameter in network.parameters():
        parameter.requires_grad_(True)
    network.coarse.requires_grad_(joint)
    output = network(*batch())
    assert not output.semantic_map.is_floating_point() and output.coarse.requires_grad == joint
    output.completed.square().sum().backward()
    reached = {name for name, p in network.named_parameters() if p.grad is not None and p.grad.any()}
    learning = {name for name, _ in network.named_parameters() if name.split(".")[0] in
                ("style_encoder", "mask_region", "refinement", *(("coarse",) if joint else ()))}  # fmt: skip
    asleep = {
        name for name in learning if name.startswith("coarse.") and ".first." in name
    }  # behind zeros at the start
    assert reached | asleep == learning
    assert {id(p) for p in network.refined(coarse=joint).parameters()} == {
        id(p) for name, p in network.named_parameters() if name in learning
    }


def test_gradients_pass_through_queries_and_visible_vectors(network: MDRNets) -> None:
    output = network(*batch())
    queries, visible = torch.autograd.grad(
        output.completed.square().sum(), (output.queries, output.visible), allow_unused=False
    )
    assert queries.any() and visible.any()


# ---------------------------------------------------------------------------------------------- Table 2's switches


def switched(network: MDRNets, **switches: bool) -> MDRNets:
    """The same weights under other switches."""
    other = MDRNets(replace(network.config, **switches)).eval()
    other.load_state_dict(network.state_dict())
    return other


def test_full_injects_the_mined_features(network: MDRNets) -> None:
    image, mask = batch()
    output = network(image, mask)
    regions, hole = cells(output, mask)
    maps = broadcast(output.retrieved.vectors, regions), broadcast(output.visible, regions)
    assert torch.equal(output.fused, network.mask_region(*maps, hole))
    assert not torch.equal(output.fused, fuse(*maps, hole))


def test_without_mask_region_the_fused_features_are_injected(network: MDRNets) -> None:
    image, mask = batch()
    without = switched(network, use_mask_region=False)
    output = without(image, mask)
    regions, hole = cells(output, mask)
    expected = fuse(broadcast(output.retrieved.vectors, regions), broadcast(output.visible, regions), hole)
    assert torch.equal(output.fused, expected)
    assert "mask_region" in network.refined() and "mask_region" not in without.refined()
    assert not torch.equal(output.completed, network(image, mask).completed)


def test_without_memory_the_style_features_are_injected(network: MDRNets) -> None:
    image, mask = batch()
    without = switched(network, use_memory=False, use_mask_region=False)
    before = without.memory.slots.clone()
    output = without(image, mask, update_memory=True)
    assert torch.equal(output.fused, without.style_encoder(output.coarse))
    assert torch.equal(without.memory.slots, before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"use_memory": False}, "use_mask_region needs use_memory"),
        ({"use_memory": False, "use_mask_region": True}, "use_mask_region needs use_memory"),
    ],
)
def test_contradicting_switches_are_refused(config: MDRNetsConfig, change: dict[str, bool], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        replace(config, **change)


@pytest.mark.parametrize(
    ("box", "field"), [("memory", "channels"), ("mask_region", "channels"), ("refinement", "features")]
)
def test_boxes_of_another_width_are_refused(config: MDRNetsConfig, box: str, field: str) -> None:
    wider = replace(getattr(config, box), **{field: 16})
    with pytest.raises(SettingError, match=rf"{box}\.{field} is 16, expected style\.channels = 8"):
        replace(config, **{box: wider})


def test_the_parser_follows_the_configuration(network: MDRNets, config: MDRNetsConfig) -> None:
    assert isinstance(network.parser, FaceParser)
    with torch.device("meta"):
        published = MDRNets(replace(config, parser=None))
    assert published.parser.__class__.__name__ == "BiSeNetParser"
