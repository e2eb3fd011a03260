"""What the profiles cost for one 256 px face, all of it hidden: GMAC and parameters of every box."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from typing import NamedTuple

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from showface.errors import SettingError
from showface.networks.mdrnets import MDRNets, MDRNetsOutput
from showface.networks.profiles import PROFILES, profile
from showface.weights import bundled, load


class Cost(NamedTuple):
    gmac: dict[str, float]  # of each box; "" = all of them
    parameters: dict[str, float]  # millions
    output: MDRNetsOutput


@cache
def cost(name: str) -> Cost:
    """One pass through the profile called `name`, of shapes alone unless it mines for what is in the hole alone."""
    config = profile(name)
    with nullcontext() if config.mask_region.details else FakeTensorMode(), torch.no_grad():
        network = MDRNets(config).eval()
        with FlopCounterMode(display=False) as counter:
            output = network(torch.zeros(1, 3, 256, 256), torch.ones(1, 1, 256, 256))
    boxes: dict[str, nn.Module] = {"": network, **dict(network.named_children())}
    counted = counter.get_flop_counts()
    gmac = {box: sum(counted.get(f"MDRNets.{box}".rstrip("."), {}).values()) / 2e9 for box in boxes}
    return Cost(gmac, {box: sum(p.numel() for p in made.parameters()) / 1e6 for box, made in boxes.items()}, output)


def test_compact_stays_within_its_budget() -> None:
    """12 GMAC for a face alone, and 2 for what its mirror image shows (docs/deviations.md)."""
    gmac, parameters, _ = cost("compact")
    assert 1 < gmac[""] <= 14 and 1 < parameters[""] <= 12


def test_what_sources_cost_compact() -> None:
    """The alignment, and a second pass of the style encoder: 1.6 GMAC for the mirror image, and 1.3 for each more."""
    gmac, parameters, _ = cost("compact")
    assert gmac["alignment"] == pytest.approx(1.192, abs=0.01)
    assert parameters["alignment"] == pytest.approx(0.977, abs=0.01)
    assert gmac["style_encoder"] == pytest.approx(2 * 0.415, abs=0.01)
    assert gmac["mask_region"] == pytest.approx(0.87, abs=0.01)


def test_paper_costs_what_the_method_counts() -> None:
    """method.md §7.2, about 370 GMAC and 50 M parameters; the published BiSeNet (13.3 M) comes on top of both."""
    gmac, parameters, _ = cost("paper")
    assert gmac["refinement"] == pytest.approx(348, rel=0.01)
    assert parameters["refinement"] == pytest.approx(22.4, abs=0.1)
    assert gmac["style_encoder"] == pytest.approx(11.5, rel=0.02)
    assert gmac["coarse"] == pytest.approx(9.5, abs=0.1)
    boxes = ("coarse", "style_encoder", "mask_region", "refinement")
    assert sum(gmac[box] for box in boxes) == pytest.approx(370, rel=0.03)
    assert parameters[""] - parameters["parser"] == pytest.approx(50, rel=0.03)


def test_base_is_a_quarter_of_paper() -> None:
    assert cost("base").gmac["refinement"] == pytest.approx(cost("paper").gmac["refinement"] / 4, rel=0.1)


@pytest.mark.parametrize("name", PROFILES)
def test_boxes_fit_together(name: str) -> None:
    output = cost(name).output
    assert output.completed.shape == (1, 3, 256, 256)
    assert output.fused.shape[1] == profile(name).style.channels


def test_an_unknown_profile_suggests_the_nearest() -> None:
    with pytest.raises(SettingError, match="unknown profile 'compct'; did you mean 'compact'"):
        profile("compct")


def test_the_bundled_weights_are_of_the_compact_profile() -> None:
    configuration, _ = load(bundled("compact"))
    assert configuration == profile("compact")
