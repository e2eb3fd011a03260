"""Losses of the alignment: places compared whatever the light, what does not count, a flow's roughness, confidence."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from showface.losses.sources import (
    ABOUT,
    AROUND,
    CLEAR,
    GRAIN,
    LARGEST,
    STEADY,
    confidence_loss,
    flow_roughness,
    luminance,
    mean_about,
    nearer,
    normalised,
    registration_loss,
)
from showface.networks.source_alignment import warp

SIDE = 48


def faces(seed: int = 0) -> Tensor:
    """Two pictures with detail of all sizes, in about [-0.6, 0.6]."""
    generator = torch.Generator().manual_seed(seed)
    layers = [torch.randn(2, 3, SIDE // n, SIDE // n, generator=generator) for n in (1, 2, 4, 8)]
    return sum((F.interpolate(x, size=SIDE, mode="bilinear") for x in layers), torch.zeros(())) / 8


def everything() -> Tensor:
    return torch.ones(2, 1, SIDE, SIDE)


# ---------------------------------------------------------------------------------------------- places


def test_luminance_known_answer() -> None:
    colours = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])[:, :, None, None]
    torch.testing.assert_close(luminance(colours).flatten(), torch.tensor([0.299, 0.587, 0.114, 1.0]))


def test_surroundings_are_means_of_squares_and_the_border_is_repeated() -> None:
    plane = torch.rand(1, 2, 5, 6)
    around = mean_about(plane, 1)
    torch.testing.assert_close(around[0, :, 2, 3], plane[0, :, 1:4, 2:5].mean(dim=(1, 2)))
    corner = (4 * plane[0, :, 0, 0] + 2 * plane[0, :, 0, 1] + 2 * plane[0, :, 1, 0] + plane[0, :, 1, 1]) / 9
    torch.testing.assert_close(around[0, :, 0, 0], corner)


def test_a_lone_dot_normalised_by_hand() -> None:
    """Of nine pixels one is 0.9: mean 0.1, variance 0.09 - 0.01."""
    plane = torch.zeros(1, 1, 7, 7)
    plane[..., 3, 3] = 0.9
    assert normalised(plane, 1)[0, 0, 3, 3].item() == pytest.approx(0.8 / math.sqrt(0.08 + GRAIN**2))
    assert normalised(plane, 1)[0, 0, 0, 0] == 0


def test_loops_over_pictures_and_pixels_say_the_same() -> None:
    found, truth, weight = faces(1), faces(), torch.rand(2, 1, SIDE, SIDE)
    losses = []
    for picture in range(2):
        parts = []
        for scale, reach in ABOUT:
            small = [F.avg_pool2d(luminance(x)[picture], scale)[0] for x in (found, truth)]
            counted = F.avg_pool2d(weight[picture], scale)[0]
            padded = [F.pad(x[None, None], [reach] * 4, mode="replicate")[0, 0] for x in small]
            total = 0.0
            for y in range(counted.shape[0]):
                for x in range(counted.shape[1]):
                    values = []
                    for plane, around in zip(small, padded, strict=True):
                        window = around[y : y + 2 * reach + 1, x : x + 2 * reach + 1]
                        deviation = math.sqrt(float(window.var(unbiased=False)) + GRAIN**2)
                        values.append((float(plane[y, x]) - float(window.mean())) / deviation)
                    total += min(abs(values[0] - values[1]), LARGEST) * float(counted[y, x])
            parts.append(total / float(counted.sum()))
        losses.append(sum(parts) / len(parts))
    torch.testing.assert_close(registration_loss(found, truth, weight), torch.tensor(losses), rtol=1e-3, atol=1e-4)


def test_what_lies_where_it_belongs_costs_nothing_in_any_light_and_colour() -> None:
    truth = faces()
    assert not registration_loss(truth, truth, everything()).any()
    lit = truth * 0.5 + 0.4  # darker shadows, lighter skin: detail that is well above grain stays what it is
    apart = registration_loss(faces(1), truth, everything())
    assert (registration_loss(lit, truth, everything()) < 0.15 * apart).all()


def test_what_does_not_weigh_does_not_count() -> None:
    truth, weight = faces(), torch.zeros(2, 1, SIDE, SIDE)
    weight[0, :, :16] = 1
    other = truth.clone()
    other[:, :, 36:] = faces(3)[:, :, 36:]  # farther off than any surroundings reach
    loss = registration_loss(other, truth, weight)
    assert loss[0] == 0 and loss[1] == 0, "of the second picture nothing counts"
    assert registration_loss(other, truth, 1 - weight)[0] > 0.05


def test_each_picture_counts_by_its_own_weights() -> None:
    found, truth = faces(1), faces()
    both, single = everything(), registration_loss(found[:1], truth[:1], everything()[:1])
    both[1] = 0.1
    torch.testing.assert_close(registration_loss(found, truth, both), registration_loss(found, truth, everything()))
    torch.testing.assert_close(registration_loss(found, truth, both)[:1], single)


def test_the_nearer_it_lies_the_less_it_costs() -> None:
    truth, costs = faces(), []
    for pixels in (0, 1, 2, 4):
        flow = torch.zeros(2, 2, 1, 1)
        flow[:, 0] = pixels / SIDE
        costs.append(registration_loss(warp(truth, flow), truth, everything()).mean().item())
    assert costs == sorted(costs) and costs[0] < 1e-2 < costs[1]


def test_its_gradient_moves_a_flow_to_where_it_belongs() -> None:
    """What lies two pixels to the right is found from a flow of nothing."""
    coarse = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(0)) * 2 - 1
    truth = F.interpolate(coarse, size=SIDE, mode="bicubic")
    source = warp(truth, torch.tensor([-2 / SIDE, 0]).view(1, 2, 1, 1))
    flow = torch.zeros(1, 2, 1, 1, requires_grad=True)
    for _ in range(40):
        loss = registration_loss(warp(source, flow), truth, everything()[:1]).sum()
        (gradient,) = torch.autograd.grad(loss, flow)
        flow = (flow - 0.1 / SIDE * gradient.sign()).detach().requires_grad_()
    torch.testing.assert_close(flow.flatten().detach() * SIDE, torch.tensor([2.0, 0.0]), rtol=0, atol=0.3)


# ---------------------------------------------------------------------------------------------- the flow


def test_roughness_counts_bends_and_a_little_of_what_stretches() -> None:
    flow = torch.zeros(1, 2, 8, 8)
    assert flow_roughness(flow + 0.3) == 0
    flow[:, 0] = torch.arange(8) / 8  # a cell further to the right with every cell
    assert flow_roughness(flow).item() == pytest.approx(STEADY / 2)  # of x and y, x alone
    flow[:, 0] = torch.arange(8).square() / 8  # ever farther: bent by 2 cells, stretched by 7 on average
    assert flow_roughness(flow).item() == pytest.approx(1 + STEADY * 7 / 2)
    assert flow_roughness(flow.transpose(2, 3)).item() == pytest.approx(1 + STEADY * 7 / 2)


# ---------------------------------------------------------------------------------------------- the confidence


def test_confidence_is_cross_entropy_over_what_weighs() -> None:
    logits = torch.tensor([0.0, 2.0, -3.0, 5.0]).view(1, 1, 2, 2)
    wanted, weight = torch.tensor([0.5, 1.0, 0.25, 0.0]).view(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    weight[..., 1, 1] = 0
    chances = torch.sigmoid(logits).flatten()[:3]
    by_hand = -(wanted.flatten()[:3] * chances.log() + (1 - wanted.flatten()[:3]) * (1 - chances).log()).mean()
    torch.testing.assert_close(confidence_loss(logits, wanted, weight), by_hand)
    assert confidence_loss(logits, wanted, 0 * weight) == 0


def test_the_nearer_of_two_is_told_by_the_ratio_of_their_distances() -> None:
    """Features at right angles to the truth lie at a squared distance of 2, those at 60 degrees at 1."""
    truth = torch.zeros(1, 2, 8, 8)
    truth[:, 0] = 3
    right = torch.zeros_like(truth)
    right[:, 1] = 5
    slant = torch.stack([torch.full((1, 8, 8), 0.5), torch.full((1, 8, 8), math.sqrt(0.75))], dim=1)
    better = nearer([slant], [right], [truth], (8, 8))
    chance = 1 / (1 + 0.5**CLEAR)
    torch.testing.assert_close(better, torch.full((1, 1, 8, 8), chance), rtol=1e-3, atol=0)
    torch.testing.assert_close(nearer([right], [slant], [truth], (8, 8)), 1 - better)
    assert (nearer([right], [right], [truth], (4, 4)) == 0.5).all()
    assert (nearer([truth], [truth], [truth], (4, 4)) == 0.5).all(), "both without any distance"


def test_a_gain_counts_where_it_is_and_some_cells_around() -> None:
    truth, without = torch.zeros(1, 2, 16, 16), torch.zeros(1, 2, 16, 16)
    truth[:, 0], without[:, 1] = 1, 1
    with_source = without.clone()
    with_source[:, :, 8, 8] = truth[:, :, 8, 8]
    gained = nearer([with_source], [without], [truth], (16, 16))[0, 0] > 0.5
    rows, columns = gained.nonzero().T
    assert gained.sum() == (2 * AROUND + 1) ** 2
    assert rows.min() == columns.min() == 8 - AROUND and rows.max() == columns.max() == 8 + AROUND
