"""Reconstruction network: the middle layer's place and content, shapes, gradients."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from showface.errors import SettingError
from showface.networks.reconstruction import ReconstructionConfig, ReconstructionNetwork

TINY = ReconstructionConfig(widths=(4, 6, 8), blocks=2)
FOLDED = ReconstructionConfig(fold=4, widths=(16,), blocks=1, kernel=3, decoder_norm="none")
VARIANTS = {"paper": TINY, "no norm": replace(TINY, decoder_norm="none"), "folded": FOLDED}


def build(config: ReconstructionConfig) -> ReconstructionNetwork:
    torch.manual_seed(0)
    return ReconstructionNetwork(config)


def faces(batch: int = 2, height: int = 32, width: int = 32) -> torch.Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_the_papers_middle_layer_is_256_channels_at_a_quarter() -> None:
    with torch.device("meta"):
        network = ReconstructionNetwork(ReconstructionConfig())
        assert network.encode(torch.zeros(1, 3, 256, 256)).shape == (1, 256, 64, 64)
    assert len(network.blocks) == 4
    assert network.stem.kernel_size == network.head.kernel_size == (7, 7)
    assert sum(p.numel() for p in network.parameters()) == 5_477_763


def test_a_folded_middle_layer_is_at_a_quarter_too() -> None:
    assert build(FOLDED).encode(faces()).shape == (2, 16, 8, 8)


@settings(max_examples=10, deadline=None)
@given(name=st.sampled_from(sorted(VARIANTS)), rows=st.integers(2, 5), columns=st.integers(2, 5))
def test_odd_multiples_keep_their_size(name: str, rows: int, columns: int) -> None:
    config = VARIANTS[name]
    height, width = 2 * rows * config.multiple, (2 * columns + 1) * config.multiple
    out = build(config)(faces(1, height, width))
    assert out.shape == (1, 3, height, width)
    assert out.abs().max() <= 1


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_everything_passes_through_the_middle_layer(config: ReconstructionConfig) -> None:
    """With the middle layer held still two different faces come out equal: there is no way around it."""
    network = build(config).eval()
    still = network.encode(faces())
    network.blocks.register_forward_hook(lambda *_: still.clone())
    assert torch.equal(network(faces()), network(-faces()))


def test_the_middle_layer_keeps_the_colour_means() -> None:
    """No normalisation before it: a brighter face has other feature means."""
    network = build(TINY)
    face = faces() * 0.2
    means = [network.encode(x).mean((2, 3)) for x in (face, face + 0.5)]
    assert (means[0] - means[1]).abs().max() > 0.01
    assert not any(isinstance(m, nn.InstanceNorm2d) for m in (*network.downs.modules(), *network.blocks.modules()))
    assert sum(isinstance(m, nn.InstanceNorm2d) for m in network.ups.modules()) == 2


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_gradients_reach_every_parameter(config: ReconstructionConfig) -> None:
    network = build(config)
    (network(faces()) - faces()).abs().mean().backward()
    assert not [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_the_image_is_left_alone_and_faces_do_not_mix(config: ReconstructionConfig) -> None:
    network = build(config).eval()
    image = faces()
    both = network(image)
    assert torch.equal(image, faces())
    assert torch.equal(both, network(image))
    torch.testing.assert_close(both[1:], network(image[1:]))


def test_a_folded_network_learns_one_face() -> None:
    network = build(FOLDED)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    image = faces(1, 16, 16)
    losses = []
    for _ in range(60):
        loss = (network(image) - image).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.4 * losses[0]


@pytest.mark.parametrize(
    "change", [{"widths": ()}, {"fold": 0}, {"kernel": 4}, {"blocks": 0}, {"decoder_norm": "instanc"}]
)
def test_contradictions_are_refused(change: dict[str, Any]) -> None:
    config = copy(TINY)
    for field, value in change.items():
        object.__setattr__(config, field, value)  # as read from a file: past the type checker of the test run
    with pytest.raises(SettingError):
        config.__post_init__()
