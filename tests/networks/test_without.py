"""A box taken away changes what it should and nothing else, in the trained and in the lean form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from showface.errors import SettingError
from showface.layers.regions import broadcast, one_hot
from showface.lean.mdrnets import lean
from showface.masks import downsample_mask
from showface.networks import mdrnets as module
from showface.networks.mask_region_enhanced import fuse
from showface.networks.mdrnets import MDRNets, MDRNetsOutput
from showface.networks.sources import Sources
from showface.networks.without import BOXES, without
from showface.semantics import CATEGORY_COUNT

SIZE = 64
FORMS = {"trained": lambda network: network, "lean": lean}


@pytest.fixture(params=FORMS)
def network(sourced_network: MDRNets, request: pytest.FixtureRequest) -> MDRNets:
    form: Callable[[MDRNets], MDRNets] = FORMS[request.param]
    return form(sourced_network)


def batch() -> tuple[Tensor, Tensor, Sources]:
    """Two faces of which a corner is visible, so that whole categories are hidden, and a further picture of each."""
    generator = torch.Generator().manual_seed(5)
    images = torch.rand(2, 2, 3, SIZE, SIZE, generator=generator) * 2 - 1
    mask = torch.ones(2, 1, SIZE, SIZE)
    mask[:, :, :8, :8] = 0
    return images[0], mask, Sources(images[1][:, None], torch.zeros(2, 1, 1, SIZE, SIZE))


def complete(network: MDRNets, sources: Sources | None = None) -> MDRNetsOutput:
    with torch.no_grad():
        return network(*batch()[:2], sources)


def near(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, atol=1e-5)


def seen(output: MDRNetsOutput) -> Tensor:
    """Which categories are visible in the face, (b, n)."""
    return output.visible.abs().sum(dim=-1) > 0


def before(output: MDRNetsOutput) -> list[Tensor]:
    """What no box has a say in."""
    return [output.coarse, output.semantic_map, output.queries, output.visible]


@pytest.mark.parametrize("box", BOXES)
def test_the_network_stays_and_its_weights_are_shared(network: MDRNets, box: str) -> None:
    first, config = complete(network), network.config
    made = without(network, box)
    shared = {tensor.data_ptr() for tensor in (*network.parameters(), *network.buffers())}
    own = [name for name, tensor in made.state_dict().items() if tensor.data_ptr() not in shared]
    assert {name.split(".")[0] for name in own} == ({"memory"} if box == "memory" else set())
    less, again = complete(made), complete(network)
    assert network.config == config and torch.equal(first.completed, again.completed)
    assert not near(less.completed, first.completed)
    assert all(torch.equal(one, other) for one, other in zip(before(less), before(first), strict=True))


def test_slots_give_their_mean_where_the_personal_block_is_silent(network: MDRNets) -> None:
    full, mean = complete(network), complete(without(network, "slots"))
    memory = network.memory
    usable = memory.initialised.sum(dim=1, keepdim=True)
    means = (memory.slots * memory.initialised[..., None]).sum(dim=1) / usable.clamp_min(1)  # (n, c)
    hidden = ~seen(full) & memory.initialised.any(dim=1)
    assert (hidden & (full.present > 0)).any() and seen(full).any()
    for b, category in hidden.nonzero().tolist():
        assert near(mean.retrieved.vectors[b, category], means[category])
    assert torch.equal(mean.retrieved.vectors[~hidden], full.retrieved.vectors[~hidden])
    assert near(mean.aligned.face, full.aligned.face)  # type: ignore[union-attr]


def test_without_the_personal_block_the_trained_slots_are_read(network: MDRNets) -> None:
    full, less = complete(network), complete(without(network, "personal"))
    assert torch.equal(less.retrieved.vectors, network.memory.read(full.queries).vectors)
    known = seen(full)
    assert torch.equal(less.retrieved.vectors[~known], full.retrieved.vectors[~known])
    assert not near(less.retrieved.vectors[known], full.retrieved.vectors[known])


def test_without_memory_the_query_stands_for_what_is_read(network: MDRNets) -> None:
    _, _, further = batch()
    for sources in (None, further):
        less = complete(without(network, "memory"), sources)
        assert torch.equal(less.retrieved.vectors, less.queries) and not less.retrieved.weights.any()


def test_without_mining_the_fused_features_are_injected(network: MDRNets) -> None:
    full, less = complete(network), complete(without(network, "mining"))
    size = (full.semantic_map.shape[1], full.semantic_map.shape[2])
    regions, hole = one_hot(full.semantic_map, CATEGORY_COUNT), downsample_mask(batch()[1], size)
    expected = fuse(broadcast(full.retrieved.vectors, regions), broadcast(full.visible, regions), hole)
    assert torch.equal(less.fused, expected) and not near(full.fused, expected)
    assert torch.equal(less.retrieved.vectors, full.retrieved.vectors)
    assert near(less.aligned.face, full.aligned.face)  # type: ignore[union-attr]


def test_without_sources_is_as_with_wholly_hidden_ones(network: MDRNets, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, further = batch()
    alone = complete(without(network, "sources"))
    assert torch.equal(complete(without(network, "sources"), further).completed, alone.completed)
    mirrored = module.with_mirror

    def hidden(*given: Tensor) -> Sources:
        found = mirrored(*given)  # type: ignore[arg-type]
        return Sources(found.images, torch.ones_like(found.hidden))

    monkeypatch.setattr(module, "with_mirror", hidden)
    expected = complete(network)
    assert near(alone.fused, expected.fused) and near(alone.completed, expected.completed)
    assert torch.equal(alone.retrieved.vectors, expected.retrieved.vectors)
    assert not expected.aligned.share.any() and alone.aligned is None  # type: ignore[union-attr]


def test_boxes_that_are_not_there_are_refused(tiny_network: MDRNets) -> None:
    with pytest.raises(SettingError, match="unknown box 'slot'; did you mean 'slots'"):
        without(tiny_network, "slot")
    for box in ("personal", "sources"):
        with pytest.raises(SettingError, match=f"expected a network with the box '{box}', found one without it"):
            without(tiny_network, box)
    bare = MDRNets(replace(tiny_network.config, use_memory=False, use_mask_region=False))
    for box in ("slots", "memory", "mining"):
        with pytest.raises(SettingError, match=f"the box '{box}'"):
            without(bare, box)
