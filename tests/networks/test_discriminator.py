"""Discriminators: the published sizes, the 70x70 patch, what the logits depend on."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from showface.errors import SettingError
from showface.networks.discriminator import Discriminator, DiscriminatorConfig, DiscriminatorKind

TINY = DiscriminatorConfig(width=4)
VARIANTS = {
    "patch": TINY,
    "snpatch": replace(TINY, kind="snpatch"),
    "folded": replace(TINY, fold=2),
    "plain": replace(TINY, spectral_norm=False),
}


def build(config: DiscriminatorConfig) -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(config)


def inputs(size: int = 64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(2, 3, size, size, generator=generator) * 2 - 1
    return image, (torch.rand(2, 1, size, size, generator=generator) > 0.5).float()


@pytest.mark.parametrize(("kind", "millions"), [("patch", 2.7648), ("snpatch", 5.946816)])
def test_published_size(kind: DiscriminatorKind, millions: float) -> None:
    """2.76 M and 5.95 M parameters (method.md §8.3)."""
    config = DiscriminatorConfig(kind=kind)
    assert sum(p.numel() for p in build(config).parameters()) == round(millions * 1e6)


@pytest.mark.parametrize(
    ("config", "shape"),
    [
        (TINY, (1, 1, 30, 30)),
        (replace(TINY, kind="snpatch"), (1, 16, 4, 4)),
        (replace(TINY, fold=2), (1, 1, 14, 14)),
    ],
)
def test_logits_of_256_pixels(config: DiscriminatorConfig, shape: tuple[int, ...]) -> None:
    assert build(config)(torch.zeros(1, 3, 256, 256), torch.zeros(1, 1, 256, 256)).shape == shape


def test_a_logit_sees_70_by_70_pixels() -> None:
    network = build(replace(TINY, spectral_norm=False)).double()
    image = torch.rand(1, 3, 128, 128, dtype=torch.float64, requires_grad=True)
    network(image, torch.zeros(1, 1, 128, 128, dtype=torch.float64))[0, 0, 7, 7].backward()
    assert image.grad is not None
    seen = image.grad.abs().sum((0, 1)) > 0
    assert (int(seen.any(0).sum()), int(seen.any(1).sum())) == (70, 70)


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_logits_depend_on_picture_and_mask(config: DiscriminatorConfig) -> None:
    network = build(config).eval()
    image, mask = inputs()
    logits = network(image, mask)
    assert torch.equal(logits, network(image, mask))
    assert (network(-image, mask) - logits).abs().max() > 1e-6
    assert (network(image, 1 - mask) - logits).abs().max() > 1e-6


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_gradients_reach_every_parameter_and_the_picture(config: DiscriminatorConfig) -> None:
    network = build(config)
    image, mask = inputs()
    network(image.requires_grad_(), mask).sum().backward()
    assert not [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert image.grad is not None and image.grad.any()


def test_logits_are_neither_squashed_nor_one_sided() -> None:
    """A hinge needs raw logits: ten times the last weights give ten times the logits."""
    network = build(replace(TINY, spectral_norm=False)).eval()
    logits = network(*inputs())
    with torch.no_grad():
        network.layers[-1].weight.mul_(-10)
    torch.testing.assert_close(network(*inputs()), -10 * logits)


def test_spectral_norm_bounds_every_layer() -> None:
    for layer in build(TINY).layers:
        for _ in range(300):
            weight = layer.weight  # each look is a step of the power iteration
        assert torch.linalg.matrix_norm(weight.flatten(1), ord=2).item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("change", [{"kind": "snpach"}, {"width": 0}, {"fold": 0}])
def test_contradictions_are_refused(change: dict[str, Any]) -> None:
    config = copy(TINY)
    for field, value in change.items():
        object.__setattr__(config, field, value)  # as read from a file: past the type checker of the test run
    with pytest.raises(SettingError):
        config.__post_init__()
