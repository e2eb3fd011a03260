"""Guided refinement network: the paper's size, shapes, what its output depends on, gradients, refused settings."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from showface.errors import SettingError
from showface.networks.guided_refinement import GuidedRefinement, GuidedRefinementConfig

TINY = GuidedRefinementConfig(
    encoder_widths=(4, 6, 8), dilations=(1, 2), decoder_widths=(8, 6), features=5, spade_hidden=4
)
FOLDED = replace(
    TINY,
    fold=4,
    encoder_widths=(8, 12),
    decoder_widths=(6,),
    stem_kernel=3,
    gate_kernel=1,
    padding="zeros",
    spectral_norm=False,
    skips=True,
    residual=True,
)
VARIANTS = {
    "paper": TINY,
    "skips": replace(TINY, skips=True),
    "residual": replace(TINY, residual=True),
    "folded": FOLDED,
    "mirror": replace(FOLDED, mirror=True),
    "fold 2": replace(TINY, fold=2, gate_kernel=1, dilations=(1,)),
    "spade kernel 1": replace(TINY, spade_kernel=1),
    "no down-sampling": replace(TINY, encoder_widths=(8,), decoder_widths=(), padding="zeros"),
}


def inputs(batch: int = 2, height: int = 16, width: int = 16, features: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(batch, 3, height, width, generator=generator) * 2 - 1
    mask = (torch.rand(batch, 1, height, width, generator=generator) > 0.5).float()
    return coarse, mask, torch.randn(batch, features, height // 2, width // 2, generator=generator)


def build(config: GuidedRefinementConfig, *, open_head: bool = True) -> GuidedRefinement:
    """A seeded network; `open_head` gives a residual head, which starts at zero, something to say."""
    torch.manual_seed(0)
    network = GuidedRefinement(config)
    if open_head:
        nn.init.normal_(network.head.weight, std=0.1)
    return network


@pytest.mark.parametrize(
    ("config", "parameters", "cost"),
    [
        (GuidedRefinementConfig(), 22.36, 348.4),
        (GuidedRefinementConfig(features=512), 23.83, 416.1),
        (
            GuidedRefinementConfig(
                encoder_widths=(32, 64, 128), decoder_widths=(128, 64), features=128, spade_hidden=64
            ),
            5.60,
            87.4,
        ),
    ],
    ids=["c256", "c512", "lite"],
)
def test_size_of_the_layer_table(config: GuidedRefinementConfig, parameters: float, cost: float) -> None:
    """Millions of parameters and 10^9 multiply-adds at 256 px, as method.md §7.2 counts them."""
    with torch.device("meta"):
        network = GuidedRefinement(replace(config, spectral_norm=False))
        with FlopCounterMode(display=False) as counter:
            network(torch.zeros(1, 3, 256, 256), torch.zeros(1, 1, 256, 256), torch.zeros(1, config.features, 128, 128))
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(parameters, abs=0.005)
    assert counter.get_total_flops() / 2e9 == pytest.approx(cost, abs=0.05)


def test_spectral_norm_is_on_every_gated_convolution_and_adds_no_parameter() -> None:
    plain, normed = build(replace(TINY, spectral_norm=False)), build(TINY)
    assert sum(p.numel() for p in plain.parameters()) == sum(p.numel() for p in normed.parameters())
    gated = [n for n, _ in plain.named_modules() if n.endswith((".feature", ".gate"))]
    normed_names = [n.split(".parametrizations")[0] for n, _ in normed.named_parameters() if n.endswith("original")]
    assert sorted(gated) == sorted(normed_names)


@settings(max_examples=10, deadline=None)
@given(name=st.sampled_from(sorted(VARIANTS)), rows=st.integers(1, 3), columns=st.integers(1, 3))
def test_odd_multiples_keep_their_size(name: str, rows: int, columns: int) -> None:
    config = replace(VARIANTS[name], padding="zeros")
    height, width = max(rows * config.multiple, 2), max(columns * config.multiple, 2)
    assert build(config)(*inputs(1, height, width)).shape == (1, 3, height, width)


@pytest.mark.parametrize("size", [1, 3, 8, 24])
def test_fused_features_may_have_any_size(size: int) -> None:
    coarse, mask, _ = inputs()
    assert build(TINY)(coarse, mask, torch.randn(2, 5, size, size)).shape == coarse.shape


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_the_output_depends_on_each_input(config: GuidedRefinementConfig) -> None:
    network = build(config).eval()
    coarse, mask, fused = inputs()
    out = network(coarse, mask, fused)
    assert (network(coarse, 1 - mask, fused) - out).abs().max() > 1e-5
    if config.decoder_widths:
        assert (network(coarse, mask, -fused) - out).abs().max() > 1e-5
    assert (network(-coarse, mask, fused) - out).abs().max() > 1e-5


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_gradients_reach_every_parameter_and_input(config: GuidedRefinementConfig) -> None:
    network = build(config)
    given_inputs = [x.requires_grad_() for x in inputs()]
    network(*given_inputs).square().sum().backward()
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert not silent
    assert all(x.grad is not None and x.grad.any() for x in given_inputs[: 3 if config.decoder_widths else 2])


def test_a_residual_network_starts_as_the_coarse_face_and_can_leave_it() -> None:
    network = build(FOLDED, open_head=False)
    coarse, mask, fused = inputs()
    assert torch.equal(network(coarse, mask, fused), coarse)
    network(coarse, mask, fused).square().sum().backward()
    assert network.head.weight.grad is not None and network.head.weight.grad.any()


def test_a_mirrored_stem_sees_the_other_side_of_the_face() -> None:
    """Within 96 px a pixel at the far right reaches the far left through the mirror only, and at its mirrored place."""

    def reach(config: GuidedRefinementConfig) -> Tensor:
        torch.manual_seed(0)
        network = GuidedRefinement(replace(config, dilations=(1,)))
        nn.init.normal_(network.head.weight, std=0.1)
        coarse, mask, fused = inputs(batch=1, height=96, width=96)
        coarse.requires_grad_()
        network(coarse, mask, fused)[..., 40, 2].sum().backward()
        assert coarse.grad is not None
        return coarse.grad.abs().sum(dim=(0, 1))  # (h, w)

    plain, mirrored = reach(FOLDED), reach(replace(FOLDED, mirror=True))
    assert not plain[:, 64:].any()
    assert mirrored[36:44, 88:].any() and mirrored[:, 64:].argmax() // 32 in range(24, 57)


def test_a_drawn_face_is_within_the_range() -> None:
    network = build(TINY)
    nn.init.normal_(network.head.weight, std=100)
    assert network(*inputs()).abs().max() <= 1


def test_pixels_are_unfolded_where_they_were_folded() -> None:
    """A change of one corner block changes only outputs near that corner."""
    network = build(replace(FOLDED, encoder_widths=(8,), decoder_widths=(), dilations=(1,))).eval()
    coarse, mask, fused = inputs(1, 64, 64)
    moved = coarse.clone()
    moved[..., :4, :4] += 0.5
    change = (network(moved, mask, fused) - network(coarse, mask, fused)).abs().amax((0, 1))
    assert change[:4, :4].max() > 1e-3
    assert change[20:].max() == 0 and change[:, 20:].max() == 0


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_evaluation_is_deterministic_and_each_face_is_on_its_own(config: GuidedRefinementConfig) -> None:
    network = build(config).eval()
    coarse, mask, fused = inputs()
    both = network(coarse, mask, fused)
    assert torch.equal(both, network(coarse, mask, fused))
    torch.testing.assert_close(both[:1], network(coarse[:1], mask[:1], fused[:1]))


@pytest.mark.parametrize("config", [TINY, FOLDED], ids=["paper", "folded"])
def test_channels_last_and_bfloat16_stay_close(config: GuidedRefinementConfig) -> None:
    network = build(config).eval()
    given_inputs = inputs()
    exact = network(*given_inputs)
    network = network.to(memory_format=torch.channels_last)
    torch.testing.assert_close(network(*given_inputs), exact, atol=1e-5, rtol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        rough = network(*given_inputs)
    assert (rough.float() - exact).abs().max() < 0.1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decoder_widths": (8,)}, "one decoder width for each down-sampling"),
        ({"padding": "reflct"}, "did you mean 'reflect'"),
        ({"stem_kernel": 4}, "odd stem_kernel"),
        ({"spade_kernel": 0}, "odd spade_kernel"),
        ({"gate_kernel": 2}, "odd gate_kernel"),
        ({"fold": 0}, "at least 1"),
        ({"dilations": (1, 0)}, "at least 1"),
    ],
)
def test_contradictions_are_refused(change: dict[str, Any], message: str) -> None:
    config = copy(TINY)
    for field, value in change.items():
        object.__setattr__(config, field, value)  # as read from a file: past the type checker of the test run
    with pytest.raises(SettingError, match=message):
        config.__post_init__()
