"""Projected discriminator: random projections that are the same everywhere and stay, heads that learn."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from showface import assets
from showface.errors import SettingError
from showface.features.efficientnet_lite0 import EfficientNetLite0
from showface.images import read_image, resize_image
from showface.networks.projected_discriminator import ProjectedDiscriminator, ProjectedDiscriminatorConfig
from showface.weights import bundled

TINY = ProjectedDiscriminatorConfig(
    channels=(3, 4, 5, 6), sizes=(11.0, 10.0, 8.0, 2.5), width=8, heads=(4, 6, 6, 4)
)  # fmt: skip
SIDES = ((16, 12), (8, 6), (4, 3), (2, 2))


def build(config: ProjectedDiscriminatorConfig = TINY, seed: int = 0) -> ProjectedDiscriminator:
    torch.manual_seed(seed)
    return ProjectedDiscriminator(config)


def features(config: ProjectedDiscriminatorConfig = TINY, seed: int = 1) -> list[Tensor]:
    """Maps of the sizes that the configuration expects of their numbers."""
    generator = torch.Generator().manual_seed(seed)
    return [
        size * torch.randn(2, channels, *side, generator=generator)
        for channels, size, side in zip(config.channels, config.sizes, SIDES, strict=True)
    ]


def test_one_logit_for_each_cell_of_each_map() -> None:
    assert [tuple(logits.shape) for logits in build()(features())] == [(2, 1, *side) for side in SIDES]


def test_size_with_the_channels_of_lite0() -> None:
    """Weights and biases of the heads; the projections are no parameters."""
    heads = sum(9 * 64 * n + n + 9 * n * n + n + n + 1 for n in (64, 96, 96, 48))
    assert sum(p.numel() for p in build(ProjectedDiscriminatorConfig()).parameters()) == heads


def test_projections_are_the_same_in_every_run_and_others_with_another_seed() -> None:
    first, second = build(seed=0).state_dict(), build(seed=7).state_dict()
    names = [name for name in first if "heads" not in name]
    assert len(names) == 8
    assert all(torch.equal(first[name], second[name]) for name in names)
    other = build(ProjectedDiscriminatorConfig(channels=TINY.channels, width=8, heads=TINY.heads, seed=1)).state_dict()
    assert not any(torch.equal(first[name], other[name]) for name in names)
    assert not torch.equal(first["heads.0.0.bias"], second["heads.0.0.bias"])


def test_drawing_them_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(3)
    ProjectedDiscriminator(TINY)
    torch.manual_seed(3)
    again = ProjectedDiscriminator(TINY)
    torch.manual_seed(3)
    expected = torch.nn.Conv2d(8, 4, 3, padding=1)  # the first thing that is drawn
    assert torch.equal(again.heads[0][0].parametrizations.weight.original, expected.weight)


def test_saved_and_loaded_it_gives_the_same_logits() -> None:
    network, other = build(seed=0).eval(), build(seed=1).eval()
    other.load_state_dict(network.state_dict())
    for ours, theirs in zip(network(features()), other(features()), strict=True):
        assert torch.equal(ours, theirs)


def test_gradients_reach_every_head_and_the_features_and_no_projection() -> None:
    network, maps = build(), [x.requires_grad_() for x in features()]
    network.requires_grad_(True)  # as a training phase thaws it
    torch.stack([logits.sum() for logits in network(maps)]).sum().backward()
    assert not [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert all(x.grad is not None and x.grad.any() for x in maps)
    assert not any(buffer.requires_grad for buffer in network.buffers())


def test_scales_mix_from_the_coarsest_to_the_finest_only() -> None:
    network, maps = build().eval(), features()
    before = network(maps)
    for changed in range(4):
        after = network([x + (scale == changed) for scale, x in enumerate(maps)])
        differs = [not torch.equal(ours, theirs) for ours, theirs in zip(after, before, strict=True)]
        assert differs == [scale <= changed for scale in range(4)]


def test_features_of_the_stated_size_begin_with_moderate_logits() -> None:
    """A hinge's margin is 1: of logits that begin far beyond it nothing is learnt."""
    config = ProjectedDiscriminatorConfig()
    network, maps = build(config), features(config)
    sizes = [x.square().mean().sqrt().item() for x in network.projected(maps)]
    assert all(0.4 < size < 2.1 for size in sizes)
    for _ in range(30):
        logits = network(maps)  # each pass is a step of the power iteration
    assert all(0.02 < x.std() < 1 and x.abs().max() < 3 for x in logits)


def test_the_stated_sizes_are_those_of_faces() -> None:
    if not (assets.cache_folder() / assets.ASSETS["efficientnet-lite0"].file).exists():
        pytest.skip("the EfficientNet-Lite0 weights are not in the cache folder")
    files = sorted((bundled().parent / "samples" / "faces").iterdir())[:8]
    faces = torch.from_numpy(np.stack([np.array(resize_image(read_image(file), 256)) for file in files]))
    with torch.no_grad():
        maps = EfficientNetLite0.pretrained()(faces.permute(0, 3, 1, 2) / 255)
    sizes = [x.square().mean().sqrt().item() for x in maps]
    assert sizes == pytest.approx(ProjectedDiscriminatorConfig().sizes, rel=0.2)


def test_spectral_norm_bounds_every_layer_of_the_heads() -> None:
    for layer in (layer for head in build().heads for layer in (head[0], head[2], head[4])):
        for _ in range(300):
            weight = layer.weight
        assert torch.linalg.matrix_norm(weight.flatten(1), ord=2).item() == pytest.approx(1, abs=0.01)


def test_no_pictures_have_no_logits() -> None:
    """As when no hole touches a component."""
    network, nothing = build(), [x[:0] for x in features()]
    logits = network(nothing)
    assert [tuple(x.shape) for x in logits] == [(0, 1, *side) for side in SIDES]
    torch.stack([x.sum() for x in logits]).sum().backward()
    assert all(p.grad is not None and not p.grad.any() for p in network.parameters())


@pytest.mark.parametrize(
    "change",
    [{"channels": (3, 4)}, {"sizes": (1.0,)}, {"heads": (4, 6, 6, 0)}, {"width": 0}, {"sizes": (1.0, 1.0, 1.0, 0.0)}],
)
def test_contradictions_are_refused(change: dict[str, Any]) -> None:
    config = copy(TINY)
    for field, value in change.items():
        object.__setattr__(config, field, value)
    with pytest.raises(SettingError, match="got channels"):
        config.__post_init__()
