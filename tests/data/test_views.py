"""Every change of a picture on its own, with known answers; then all of them by chance."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch
from torch import Tensor

from showface.data.views import Change, changed, random_change

SIDE = 64
PIXEL = 256 / SIDE  # lengths of changes are pixels of 256


def picture(seed: int = 0) -> Tensor:
    return torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def after(change: Change, image: Tensor | None = None, hidden: Tensor | None = None, middle: float = 0.5) -> Tensor:
    """The changed picture and, as a fourth channel, what is hidden of it."""
    image = picture() if image is None else image
    return torch.cat(changed(image, torch.zeros_like(image[:, :1]) if hidden is None else hidden, change, middle), 1)


def grey(level: float) -> Tensor:
    """A picture of one level in [0, 1]."""
    return torch.full((1, 3, SIDE, SIDE), level * 2 - 1)


def levels(change: Change, level: float) -> Tensor:
    """What becomes of such a picture, in [0, 1]."""
    return after(change, grey(level))[0, :3] * 0.5 + 0.5


# ------------------------------------------------------------------ place


def test_no_change_changes_nothing() -> None:
    found = after(Change())
    assert torch.allclose(found[:, :3], picture(), atol=1e-5) and not found[:, 3].any()


def test_a_shift_moves_right_and_down_and_hides_what_lies_beyond() -> None:
    found = after(Change(shift=(3 * PIXEL, 2 * PIXEL)))
    assert torch.allclose(found[:, :3, 2:, 3:], picture()[:, :, :-2, :-3], atol=1e-4)
    assert found[:, 3, :2].all() and found[:, 3, :, :3].all() and not found[:, 3, 2:, 3:].any()


def test_a_turn_is_clockwise() -> None:
    found = after(Change(turn=90.0))
    assert torch.allclose(found[:, :3], picture().rot90(-1, (2, 3)), atol=1e-4) and not found[:, 3].any()
    corners = after(Change(turn=6.0))[0, 3, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.tolist() == [1, 1, 1, 1]


def test_a_larger_scale_shows_the_middle_and_a_smaller_one_more_than_the_picture() -> None:
    ramp = torch.linspace(-0.5, 0.5, SIDE).expand(1, 3, SIDE, SIDE)
    assert torch.allclose(after(Change(scale=2.0), ramp)[:, :3], ramp / 2, atol=1e-3)
    hidden = after(Change(scale=0.5))[0, 3]
    assert not hidden[16:48, 16:48].any() and hidden.sum() == 64 * 64 - 32 * 32


def test_a_mirror_image_is_about_the_middle_of_the_face() -> None:
    assert torch.allclose(after(Change(mirror=True))[:, :3], picture().flip(-1), atol=1e-4)
    found = after(Change(mirror=True), middle=28 / SIDE)  # columns 0 .. 55 change places
    assert torch.allclose(found[:, :3, :, :56], picture()[..., :56].flip(-1), atol=1e-4)
    assert found[:, 3, :, 56:].all() and not found[:, 3, :, :56].any()


def test_a_bend_that_is_the_same_everywhere_is_a_shift_and_others_are_smooth() -> None:
    even = np.broadcast_to(np.array([8.0, -4.0])[:, None, None], (2, 6, 6)).copy()
    assert torch.allclose(after(Change(bend=even)), after(Change(shift=(8.0, -4.0))), atol=1e-4)
    ramp = torch.linspace(-0.5, 0.5, SIDE).expand(1, 3, SIDE, SIDE)
    bent = after(Change(bend=np.random.default_rng(0).normal(0, 2.5, (2, 6, 6))), ramp)[0, 0]
    inner = bent[4:-4, 4:-4]
    assert (inner - ramp[0, 0, 4:-4, 4:-4]).std() > 0.2 * PIXEL / 256  # something moves
    assert (inner.diff(dim=1) > 0).all()  # and nothing folds


def test_what_is_hidden_moves_with_the_picture() -> None:
    hidden = torch.zeros(1, 1, SIDE, SIDE)
    hidden[..., 10:20, 30:50] = 1
    marked = torch.where(hidden > 0.5, 1.0, -1.0).expand(1, 3, -1, -1)
    change = Change(mirror=True, turn=5.0, scale=1.05, bend=np.random.default_rng(1).normal(0, 2.5, (2, 6, 6)))
    found = after(change, marked, hidden)[0]
    inner = found[:, 8:-8, 8:-8]
    assert ((inner[0] > 0) == (inner[3] > 0.5)).float().mean() > 0.995 and inner[3].sum() > 100


# ------------------------------------------------------------------ light


def test_gamma_colour_and_light_multiply_what_is_there() -> None:
    assert torch.allclose(levels(Change(gamma=1.25), 0.5), torch.tensor(0.5**1.25), atol=1e-5)
    gains = torch.tensor([0.92, 1.0, 1.08])
    found = levels(Change(colour=(0.92, 1.0, 1.08)), 0.5)
    assert torch.allclose(found, 0.5 * gains[:, None, None].expand(3, SIDE, SIDE), atol=1e-5)
    across, down = levels(Change(light=(0.25, 0.0)), 0.4), levels(Change(light=(0.0, -0.25)), 0.4)
    assert torch.allclose(across[0, 0, [0, -1]], torch.tensor([0.3, 0.5]), atol=1e-5)
    assert torch.allclose(down[0, [0, -1], 0], torch.tensor([0.5, 0.3]), atol=1e-5)
    assert (across.diff(dim=2) > 0).all() and not across.diff(dim=1).any()


def test_no_light_leaves_the_range() -> None:
    assert levels(Change(light=(0.25, 0.0), colour=(1.08, 1.08, 1.08)), 1.0).max() <= 1
    assert levels(Change(gamma=0.8), 0.0).min() >= 0


def test_the_blur_is_a_gaussian_of_its_sigma() -> None:
    point = grey(0.0)
    point[..., 32, 32] = 1.0
    spread = after(Change(blur=1.2 * PIXEL), point)[0, 0] * 0.5 + 0.5
    offsets = torch.arange(SIDE) - 32.0
    assert spread.sum() == pytest.approx(1, abs=1e-4)
    for weights in (spread.sum(0), spread.sum(1)):
        assert (weights * offsets**2).sum() == pytest.approx(1.2**2, rel=0.03)
    assert torch.equal(after(Change(blur=0.3), point), after(Change(), point))  # less than a tenth of a pixel


# ------------------------------------------------------------------ chance


def test_chance_stays_within_the_documented_ranges_and_uses_them() -> None:
    changes = [random_change(np.random.default_rng(seed)) for seed in range(400)]
    reach = {"scale": (0.93, 1.07), "turn": (-6, 6), "gamma": (0.8, 1.25), "blur": (0, 1.2)}
    for name, (low, high) in reach.items():
        values = np.array([getattr(change, name) for change in changes])
        assert low <= values.min() < low + 0.1 * (high - low) and high - 0.1 * (high - low) < values.max() <= high
    assert abs(np.array([change.shift for change in changes])).max() == pytest.approx(10, abs=0.5)
    assert abs(np.array([change.colour for change in changes]) - 1).max() == pytest.approx(0.08, abs=0.004)
    lights = np.array([change.light for change in changes])
    assert (lights == 0).any(axis=1).all() and abs(lights).max(axis=0) == pytest.approx([0.25, 0.25], abs=0.02)
    assert np.stack([change.bend for change in changes]).std() == pytest.approx(2.5, rel=0.05)
    for share in (np.mean([change.mirror for change in changes]), np.mean([change.blur > 0 for change in changes])):
        assert abs(share - 0.5) < 0.1


def test_a_change_hangs_on_its_random_numbers_alone() -> None:
    first, again, other = (random_change(np.random.default_rng(seed)) for seed in (5, 5, 6))
    for field in fields(Change):
        assert np.array_equal(getattr(first, field.name), getattr(again, field.name))
    assert torch.equal(after(first), after(again)) and not torch.equal(after(first), after(other))
    assert after(first).min() >= -1 and after(first).max() <= 1
