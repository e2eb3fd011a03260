"""The lean form computes what the trained network computes, of every profile, and leaves that one alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from showface.networks import profiles
from showface.networks.face_parser import BiSeNetParser
from showface.networks.lean import lean
from showface.networks.mdrnets import MDRNets, MDRNetsConfig

SIDE = 128


def half_the_width() -> MDRNetsConfig:
    """The paper's layout, batch norms and published parser with it, as light as the base profile."""
    base, paper = profiles.base(), profiles.paper()
    return replace(base, coarse=paper.coarse, parser=None, style=base.style, memory=replace(base.memory, slots=4))


def trained(config: MDRNetsConfig) -> MDRNets:
    """A network whose norms and biases have seen something, in evaluation mode."""
    torch.manual_seed(0)
    network = MDRNets(config)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
        elif isinstance(getattr(module, "bias", None), nn.Parameter):
            nn.init.normal_(module.bias, 0, 0.1)  # type: ignore[arg-type]
    network.memory.slots.normal_()
    network.memory.initialised.fill_(True)
    network.memory.seen.fill_(1000)
    return network.eval().requires_grad_(False)


def faces_and_masks() -> tuple[Tensor, Tensor]:
    """Three pictures: a blob and strokes hidden, almost all, nothing."""
    torch.manual_seed(1)
    images, masks = torch.rand(3, 3, SIDE, SIDE) * 2 - 1, torch.zeros(3, 1, SIDE, SIDE)
    masks[0, :, 30:90, 41:80] = 1
    masks[0, :, 5:9] = 1
    masks[1, :, 3:, 2:] = 1
    return images, masks


@pytest.mark.parametrize("config", [profiles.compact, profiles.base, half_the_width])
def test_equals_the_trained_network(config: Callable[[], MDRNetsConfig]) -> None:
    network = trained(config())
    images, masks = faces_and_masks()
    with torch.inference_mode():
        expected, got = network(images, masks), lean(network)(images, masks)
    assert (expected.semantic_map != got.semantic_map).float().mean() < 1e-3  # two logits may be as good as equal
    for field in ("coarse", "completed"):
        assert (getattr(expected, field) - getattr(got, field)).abs().mean() < 1e-4, field
    assert torch.equal(got.completed[2], images[2])


def test_leaves_the_trained_network_as_it_is() -> None:
    network = trained(profiles.compact())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    made = lean(network)
    assert not {type(module) for module in made.modules()} & {nn.BatchNorm2d}
    after = network.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)


def test_takes_no_second_copy_of_most_weights() -> None:
    network = trained(profiles.compact())
    made = lean(network).state_dict().values()
    own = {value.data_ptr() for value in network.state_dict().values()}
    copied = [value for value in made if value.data_ptr() not in own]
    assert sum(map(Tensor.numel, copied)) < 0.6 * sum(map(Tensor.numel, network.state_dict().values()))


def test_the_published_parser_loses_its_norms_too() -> None:
    parser = lean(trained(half_the_width())).parser
    assert isinstance(parser, BiSeNetParser)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in parser.modules())
