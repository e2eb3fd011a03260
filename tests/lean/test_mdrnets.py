"""The lean form computes what the trained network computes, of every profile, and leaves that one alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils.flop_counter import FlopCounterMode

from showface.lean.mdrnets import lean
from showface.networks import profiles
from showface.networks.bisenet import BiSeNetParser
from showface.networks.mdrnets import MDRNets, MDRNetsConfig
from showface.networks.sources import Sources

pytestmark = pytest.mark.slow  # whole networks of every profile

SIDE = 128


def half_the_width() -> MDRNetsConfig:
    """The paper's layout, batch norms and published parser with it, as light as the base profile."""
    base, paper = profiles.base(), profiles.paper()
    return replace(base, coarse=paper.coarse, parser=None, style=base.style, memory=replace(base.memory, slots=4))


def unfilled() -> MDRNetsConfig:
    """The compact layout whose coarse network is given no fill, as that of the first release."""
    made = profiles.compact()
    return replace(made, coarse=replace(made.coarse, fill="none"))


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


@pytest.mark.parametrize("config", [profiles.compact, profiles.base, half_the_width, unfilled])
def test_equals_the_trained_network(config: Callable[[], MDRNetsConfig]) -> None:
    network = trained(config())
    images, masks = faces_and_masks()
    with torch.inference_mode():
        expected, got = network(images, masks), lean(network)(images, masks)
    assert (expected.semantic_map != got.semantic_map).float().mean() < 1e-3  # two logits may be as good as equal
    for field in ("coarse", "completed"):
        assert (getattr(expected, field) - getattr(got, field)).abs().mean() < 1e-4, field
    assert torch.equal(got.completed[2], images[2])


HOLES = {  # top, bottom, left, right
    "in the middle": (50, 70, 40, 66),
    "in a corner": (0, 9, 100, SIDE),
    "one pixel": (77, 78, 31, 32),
    "along a border": (0, SIDE, 0, 5),
    "nearly everything": (2, SIDE, 1, SIDE),
}


@pytest.fixture(scope="module", params=[profiles.compact, half_the_width, unfilled])
def both_forms(request: pytest.FixtureRequest) -> tuple[MDRNets, MDRNets]:
    network = trained(request.param())
    with torch.no_grad():  # an untrained refinement adds nothing to the coarse face
        nn.init.normal_(network.refinement.head.weight, 0, 0.05)
        if network.coarse.config.fill == "input":  # and an untrained coarse network nothing to the fill
            nn.init.normal_(network.coarse.head.convolution.weight, 0, 0.05)
    return network, lean(network)


@pytest.mark.parametrize("hole", HOLES.values(), ids=HOLES)
def test_what_is_left_out_is_not_missed(both_forms: tuple[MDRNets, MDRNets], hole: tuple[int, int, int, int]) -> None:
    network, made = both_forms
    top, bottom, left, right = hole
    image, mask = faces_and_masks()[0][:1], torch.zeros(1, 1, SIDE, SIDE)
    mask[..., top:bottom, left:right] = 1
    with torch.inference_mode():
        expected, got = network(image, mask), made(image, mask)
    hidden = (mask > 0).expand_as(image)
    assert (expected.semantic_map != got.semantic_map).float().mean() < 1e-3
    for field in ("coarse", "raw"):
        gap = (getattr(expected, field) - getattr(got, field))[hidden].abs()
        assert gap.max() < 1e-3 and gap.mean() < 1e-4, field
    assert torch.equal(got.completed[~hidden], image[~hidden])


@pytest.mark.parametrize("further", [0, 1, 3])
@pytest.mark.parametrize("hole", ["in the middle", "nearly everything"])
def test_with_sources_it_is_the_same_too(further: int, hole: str) -> None:
    torch.manual_seed(2)
    network = trained(profiles.compact())
    nn.init.normal_(network.refinement.head.weight, 0, 0.05)
    top, bottom, left, right = HOLES[hole]
    images, masks = faces_and_masks()[0][:2], torch.zeros(2, 1, SIDE, SIDE)
    masks[..., top:bottom, left:right] = 1
    hidden = torch.zeros(2, further, 1, SIDE, SIDE)
    hidden[:, :1, :, 30:60] = 1
    sources = Sources(torch.rand(2, further, 3, SIDE, SIDE) * 2 - 1, hidden)
    with torch.inference_mode():
        expected, got = network(images, masks, sources), lean(network)(images, masks, sources)
    assert expected.aligned is not None and expected.aligned.flow.abs().max() > 0.005
    assert (expected.semantic_map != got.semantic_map).float().mean() < 1e-3
    within = (masks > 0).expand_as(images)
    for one, other in ((expected.raw, got.raw), (expected.aligned.face, got.aligned.face)):
        gap = (one - other)[within].abs()
        assert gap.max() < 1e-3 and gap.mean() < 1e-4
    assert torch.equal(got.completed[~within], images[~within])


def test_little_is_computed_for_a_small_hole() -> None:
    """Of the decoders' convolutions, counted in multiplications."""
    made = lean(trained(profiles.compact()))
    image, small, large = torch.zeros(1, 3, 256, 256), torch.zeros(1, 1, 256, 256), torch.zeros(1, 1, 256, 256)
    small[..., 120:150, 100:140] = large[..., 2:, 2:] = 1
    counts = []
    for mask in (small, large):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            made(image, mask)
        counts.append(counter.get_total_flops())
    assert counts[0] < 0.7 * counts[1]


@pytest.mark.parametrize("config", [profiles.compact, half_the_width])
def test_leaves_the_trained_network_as_it_is(config: Callable[[], MDRNetsConfig]) -> None:
    network = trained(config())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    images, masks = faces_and_masks()
    with torch.inference_mode():
        expected = network(images[:1], masks[:1]).completed
        made = lean(network)
        assert (network(images[:1], masks[:1]).completed - expected).abs().mean() < 1e-5, "both are for use"
    assert not {type(module) for module in made.modules()} & {nn.BatchNorm2d}
    assert not any(parametrize.is_parametrized(module) for module in made.modules())
    after = network.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("config", [profiles.compact, half_the_width, unfilled])
def test_weights_rounded_beforehand_change_nothing_under_autocast(config: Callable[[], MDRNetsConfig]) -> None:
    network = trained(config())
    images, masks = faces_and_masks()
    plain, rounded = lean(network), lean(network, torch.bfloat16)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        expected, got = plain(images[:1], masks[:1]), rounded(images[:1], masks[:1])
    for field in ("coarse", "fused", "completed"):
        assert torch.equal(getattr(expected, field), getattr(got, field)), field
    kinds = {module.weight.dtype for module in rounded.modules() if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d))}
    assert kinds == {torch.bfloat16} and all(p.dtype == torch.float32 for p in network.parameters())


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
