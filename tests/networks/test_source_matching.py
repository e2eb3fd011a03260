"""Source matching: shifts that are known are found, what is hidden is never looked at, and everything learns."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from showface.errors import SettingError
from showface.networks.source_matching import (
    COARSER,
    NOT_SEEN,
    TOO_FAR,
    SourceMatching,
    SourceMatchingConfig,
    rows_about,
    smoothed,
    steps_about,
)

CONFIG = SourceMatchingConfig(fold=2, widths=(8, 8, 16), judging=(8, 8), reach=2, spread=1.0)
CELL = CONFIG.cell
HEIGHT, WIDTH = 48, 80
ROWS, COLUMNS = HEIGHT // CELL, WIDTH // CELL


class Projected(nn.Module):
    """In place of the encoder: each cell's pixels in random directions, the same wherever the cell lies."""

    def __init__(self, features: int) -> None:
        super().__init__()
        weight = torch.randn(features, 4 * CONFIG.fold**2, 2, 2, generator=torch.Generator().manual_seed(0))
        weight[:, -(CONFIG.fold**2) :] = 0  # that it is hidden tells nothing
        self.register_buffer("weight", weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.get_buffer("weight"), stride=2)


def built(*, sharp: bool = False, moved: bool = False) -> SourceMatching:
    """Seeded. `sharp`: features tell every cell apart and nearness counts for nothing; `moved`: it is corrected."""
    torch.manual_seed(0)
    made = SourceMatching(CONFIG)
    if sharp:
        made.encoder = Projected(CONFIG.widths[2])
        nn.init.constant_(made.sharpness, math.log(200.0))
        nn.init.constant_(made.nearness, math.log(1e-3))
    if moved:
        nn.init.normal_(made.correction[-1].weight, std=0.5)
    return made


def pictures(count: int, seed: int = 0) -> Tensor:
    """Noise: every cell is unlike every other."""
    return torch.rand(count, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def nothing_hidden(count: int) -> Tensor:
    return torch.zeros(count, 1, HEIGHT, WIDTH)


def shifted(picture: Tensor, right: int, down: int) -> Tensor:
    """So many cells to the right and down; what comes in from the other side is noise."""
    rolled = picture.roll((down * CELL, right * CELL), (2, 3))
    entered = pictures(len(picture), seed=9)
    rows, columns = torch.arange(HEIGHT) // CELL - down, torch.arange(WIDTH) // CELL - right
    within = ((rows >= 0) & (rows < ROWS))[:, None] & ((columns >= 0) & (columns < COLUMNS))
    return torch.where(within, rolled, entered)


# ---------------------------------------------------------------------------------------------- the flow


@pytest.mark.parametrize("count", [1, 2])
def test_a_picture_lies_on_itself(count: int) -> None:
    faces = pictures(2)
    flow = built(sharp=True)(faces, nothing_hidden(2), faces.repeat_interleave(count, dim=0), nothing_hidden(2 * count))
    assert flow.shape == (2 * count, 2, HEIGHT // CONFIG.multiple, WIDTH // CONFIG.multiple)
    assert flow.abs().max() < 1e-3


def test_what_is_dear_enough_to_look_for_elsewhere_stays_where_it_is() -> None:
    network = built()
    nn.init.constant_(network.nearness, math.log(1e4))
    flow = network(pictures(2), nothing_hidden(2), pictures(2, seed=1), nothing_hidden(2))
    assert flow.abs().max() < 1e-6


@pytest.mark.parametrize(("right", "down"), [(1, 0), (0, -2), (-2, 2), (2, 1)])
def test_a_source_shifted_by_whole_cells_is_found_within_reach(right: int, down: int) -> None:
    """In sides of the picture, which are of different length; in its middle, which no border comes near."""
    face = pictures(1)
    flow = built(sharp=True)(face, nothing_hidden(1), shifted(face, right, down), nothing_hidden(1))
    expected = torch.tensor([right / COLUMNS, down / ROWS])[:, None].expand(-1, 3)
    torch.testing.assert_close(flow[0, :, 1, 1:4], expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize(("right", "down"), [(3, 0), (0, -4)])
def test_beyond_reach_nothing_is_found(right: int, down: int) -> None:
    face = pictures(1)
    flow = built(sharp=True)(face, nothing_hidden(1), shifted(face, right, down), nothing_hidden(1))
    cells = flow * torch.tensor([COLUMNS, ROWS]).view(1, 2, 1, 1)
    assert cells.abs().max() <= CONFIG.reach
    assert (cells[0, :, 1, 1:4] - torch.tensor([right, down])[:, None]).norm(dim=0).min() > 1


def test_the_mirror_image_of_a_flow_is_the_flow_of_mirror_images() -> None:
    """x and y are not taken for each other, nor left for right."""
    network, (face, source) = built(sharp=True), (pictures(1), pictures(1, seed=1))
    own, theirs = network._features(face, nothing_hidden(1)), network._features(source, nothing_hidden(1))
    gone = torch.zeros(1, 1, ROWS, COLUMNS)
    found, likely = network._first(own, theirs, gone)
    mirrored, likely_too = network._first(own.flip(-1), theirs.flip(-1), gone)
    torch.testing.assert_close(mirrored.flip(-1) * torch.tensor([-1, 1]).view(1, 2, 1, 1), found, rtol=0, atol=1e-4)
    torch.testing.assert_close(likely_too.flip(-1), likely, rtol=0, atol=1e-5)
    assert found.abs().max() > 1 and not torch.equal(found[:, 0], found[:, 1])


def test_sources_of_a_face_are_each_found_as_if_alone() -> None:
    network, faces, sources = built(moved=True), pictures(2), pictures(6, seed=1)
    mask, hidden = masks(2), masks(6).flip(-1)
    together = network(faces, mask, sources, hidden)
    for number in range(6):
        one = slice(number, number + 1)
        face = slice(number // 3, number // 3 + 1)
        alone = network(faces[face], mask[face], sources[one], hidden[one])
        torch.testing.assert_close(alone, together[one], rtol=0, atol=1e-5)
    assert (together[0] - together[1]).abs().max() > 1e-3


# ---------------------------------------------------------------------------------------------- what may be seen


def masks(count: int) -> Tensor:
    """Of every picture another part."""
    made = nothing_hidden(count)
    for number in range(count):
        made[number, :, 8 : 8 + 4 * CELL, 4 * number : 4 * number + 5 * CELL] = 1
    return made


@pytest.mark.parametrize("content", [0.9, torch.nan])
def test_what_is_hidden_of_face_and_source_does_not_matter_and_the_rest_does(content: float) -> None:
    network, face, source = built(moved=True), pictures(2), pictures(2, seed=1)
    mask, hidden = masks(2), masks(2).flip(-1)
    expected = network(face, mask, source, hidden)
    covered = network(face.masked_fill(mask > 0, content), mask, source.masked_fill(hidden > 0, content), hidden)
    assert torch.equal(covered, expected)
    for others in ((face.masked_fill(mask == 0, 0.9), source), (face, source.masked_fill(hidden == 0, 0.9))):
        assert (network(others[0], mask, others[1], hidden) - expected).abs().max() > 1e-3


def unlike_cells() -> Tensor:
    """Features (1, c, h, w) of which no two are alike."""
    return torch.eye(ROWS * COLUMNS).view(1, ROWS * COLUMNS, ROWS, COLUMNS)


def test_hidden_cells_of_a_source_are_never_looked_at() -> None:
    """Two of its cells are as the face's own: hiding the one leaves the other, hiding both leaves the rest about it."""
    network, own = built(sharp=True), unlike_cells()
    theirs = torch.zeros_like(own)
    theirs[0, :, 5, 8] = theirs[0, :, 6, 11] = own[0, :, 5, 10]
    gone = torch.zeros(1, 1, ROWS, COLUMNS)
    found, likely = network._first(own, theirs, gone)
    torch.testing.assert_close(found[0, :, 5, 10], torch.tensor([-0.5, 0.5]), rtol=0, atol=0.01)
    assert likely[0, 0, 5, 10].item() == pytest.approx(0.5, abs=0.01)
    gone[..., 5, 8] = 1
    found, likely = network._first(own, theirs, gone)
    torch.testing.assert_close(found[0, :, 5, 10], torch.tensor([1.0, 1.0]), rtol=0, atol=0.01)
    gone[..., 6, 11] = 1
    found, likely = network._first(own, theirs, gone)
    expected = -(torch.tensor([-2.0, 0.0]) + torch.tensor([1.0, 1.0])) / 23
    torch.testing.assert_close(found[0, :, 5, 10], expected, rtol=0, atol=0.01)
    assert likely[0, 0, 5, 10].item() == pytest.approx(1 / 23, abs=1e-3)


def test_where_nothing_near_is_seen_nothing_beyond_reach_is_looked_at() -> None:
    network, own = built(sharp=True), unlike_cells()
    gone = torch.zeros(1, 1, ROWS, COLUMNS)
    gone[..., :12] = 1
    found, _ = network._first(own, own, gone)
    assert found.abs().max() < CONFIG.reach + 1e-3


def test_a_cell_counts_as_hidden_when_more_than_half_of_it_is() -> None:
    network, own = built(sharp=True), unlike_cells()
    for share, expected in ((0.5, 0.0), (0.51, 1.0)):
        gone = torch.zeros(1, 1, ROWS, COLUMNS)
        gone[..., 5, 10] = share
        theirs = own.clone()
        theirs[0, :, 5, 11] = 0.9 * own[0, :, 5, 10]
        found, _ = network._first(own, theirs, gone)
        assert found[0, 0, 5, 10].item() == pytest.approx(expected, abs=0.01)


def test_under_the_mask_the_flow_is_that_of_what_is_seen_about_it() -> None:
    """Shifted by one cell; of the hole's middle the features say nothing, of its surroundings everything."""
    face, mask = pictures(1), nothing_hidden(1)
    mask[..., 16:32, 32:48] = 1
    flow = built(sharp=True)(face, mask, shifted(face, 1, 0), nothing_hidden(1))
    torch.testing.assert_close(flow[0, :, 1, 2], torch.tensor([1 / COLUMNS, 0.0]), rtol=0, atol=5e-3)


# ---------------------------------------------------------------------------------------------- places, smoothing


def places(rows: int, columns: int) -> Tensor:
    """x and y of every cell, row by row."""
    ys, xs = torch.meshgrid(torch.arange(float(rows)), torch.arange(float(columns)), indexing="ij")
    return torch.stack([xs, ys], dim=-1).flatten(0, 1)


def test_the_rows_about_a_row_and_the_steps_to_their_cells() -> None:
    cells = torch.arange(12.0).view(2, 1, 2, 3) + 1
    about = rows_about(cells, 1, beyond=0.0)
    assert about.shape == (4, 9, 1)
    assert about[0].flatten().tolist() == [0, 0, 0, 1, 2, 3, 4, 5, 6]
    assert about[3].flatten().tolist() == [7, 8, 9, 10, 11, 12, 0, 0, 0]
    steps = steps_about(2, 1, torch.device("cpu"))
    assert steps.tolist() == [[0, -1], [1, -1], [0, 0], [1, 0], [0, 1], [1, 1]]


@pytest.mark.parametrize("reach", [1, 2, 30])
def test_it_is_as_if_all_cells_were_compared_with_all(reach: int) -> None:
    """Those further than `reach` have no share, whatever they show."""
    network = built()
    network.config = SourceMatchingConfig(fold=2, widths=(8, 8, 16), judging=(8, 8), reach=reach, spread=1.0)
    own, theirs = (F.normalize(torch.randn(2, 16, ROWS, COLUMNS), dim=1) for _ in range(2))
    gone = (torch.rand(2, 1, ROWS, COLUMNS) < 0.3).float()
    gone[1, ..., :7] = 1
    place = places(ROWS, COLUMNS)
    step = place[None] - place[:, None]  # (cells, cells, 2)
    nearby = -network.nearness.exp() * step.square().sum(dim=-1)
    nearby = nearby.masked_fill((step.abs() > reach).any(dim=-1), TOO_FAR)
    scores = network.sharpness.exp() * own.flatten(2).transpose(1, 2) @ theirs.flatten(2) + nearby
    shares = (scores + NOT_SEEN * (gone.flatten(1) > 0.5)[:, None]).softmax(dim=-1)
    found, likely = network._first(own, theirs, gone)
    expected = (shares[..., None] * step).sum(dim=2).transpose(1, 2).unflatten(2, (ROWS, COLUMNS))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(likely, shares.amax(dim=-1).unflatten(1, (ROWS, COLUMNS))[:, None], rtol=0, atol=1e-5)


def test_a_constant_comes_back_smoothed_whatever_is_trusted() -> None:
    flow = torch.tensor([1.5, -0.5]).view(1, 2, 1, 1).expand(2, 2, ROWS, COLUMNS)
    trust = torch.rand(2, 1, ROWS, COLUMNS, generator=torch.Generator().manual_seed(0)) + 1e-3
    expected = flow[..., : ROWS // COARSER, : COLUMNS // COARSER]
    torch.testing.assert_close(smoothed(flow, trust, 3.0), expected, rtol=1e-5, atol=1e-6)


def test_distrusted_cells_do_not_count() -> None:
    flow, trust = torch.ones(1, 2, ROWS, COLUMNS), torch.ones(1, 1, ROWS, COLUMNS)
    trust[..., ::2, 3:9] = 0
    flow = torch.where(trust > 0, flow, 99.0)
    torch.testing.assert_close(smoothed(flow, trust, 1.0), torch.ones(1, 2, ROWS // COARSER, COLUMNS // COARSER))


def test_a_slope_is_read_in_the_middle_of_each_large_cell_and_one_cell_spreads_by_a_gaussian() -> None:
    slope = places(ROWS, COLUMNS).T.reshape(1, 2, ROWS, COLUMNS)
    read = smoothed(slope, torch.ones(1, 1, ROWS, COLUMNS), 1.0)
    torch.testing.assert_close(read[0, :, 1, 1:4], torch.tensor([[5.5, 9.5, 13.5], [5.5] * 3]))
    single, spread = torch.zeros(1, 2, ROWS, COLUMNS), 2.0
    single[..., 5, 9] = 1
    line = [math.exp(-(step**2) / (2 * spread**2)) for step in range(-4, 5)]
    near = sum(line[3:7])  # the large cell has rows 4 to 7 and columns 8 to 11: from -1 to 2
    found = smoothed(single, torch.ones(1, 1, ROWS, COLUMNS), spread)[0, 0, 1, 2]
    assert found.item() == pytest.approx((near / sum(line) / COARSER) ** 2, rel=1e-4)


# ---------------------------------------------------------------------------------------------- learning, precision


@pytest.mark.parametrize("moved", [False, True])
def test_gradients_reach_everything(moved: bool) -> None:
    """From the very start, though the correction begins at zero: then its last layer alone."""
    network = built(moved=moved)
    network(pictures(2), masks(2), pictures(4, seed=1), masks(4).flip(-1)).square().sum().backward()
    reached = {name for name, p in network.named_parameters() if p.grad is not None and p.grad.any()}
    everything = {name for name, _ in network.named_parameters()}
    later = {name for name in everything if name.startswith("correction") and not name.startswith("correction.6")}
    assert reached == (everything if moved else everything - later)
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


def test_a_wholly_hidden_source_gives_a_finite_flow_and_gradient() -> None:
    network = built(moved=True)
    flow = network(pictures(1), torch.ones_like(nothing_hidden(1)), pictures(1), torch.ones_like(nothing_hidden(1)))
    flow.square().sum().backward()
    assert flow.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


def test_under_bfloat16_places_stay_exact() -> None:
    network, face = built(sharp=True), pictures(1)
    with torch.autocast("cpu", torch.bfloat16):
        flow = network(face, nothing_hidden(1), shifted(face, 2, 0), nothing_hidden(1))
    assert flow.dtype == torch.float32
    torch.testing.assert_close(flow[0, :, 1, 2], torch.tensor([2 / COLUMNS, 0.0]), rtol=0, atol=1e-3)


# ---------------------------------------------------------------------------------------------- settings


def test_a_cell_is_two_folds_wide_and_one_of_the_flow_four_of_them() -> None:
    assert (SourceMatchingConfig().cell, SourceMatchingConfig().multiple) == (8, 32)
    assert (CONFIG.cell, CONFIG.multiple) == (4, 16)


@pytest.mark.parametrize(
    "fields",
    [{"fold": 0}, {"widths": (8, 0, 8)}, {"judging": (0, 8)}, {"reach": 0}, {"spread": 0.0}, {"spread": math.nan}],
)
def test_contradictions_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="at least 1 and spread above 0, got"):
        SourceMatchingConfig(**fields)
