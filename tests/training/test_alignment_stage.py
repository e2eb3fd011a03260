"""Stage "alignment": flow and confidence learn each from its own, the others stand still, a run can be resumed."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from rich.console import Console
from torch import Tensor, nn
from torch.nn import functional as F

from showface.data.batches import Batch
from showface.errors import CheckpointError, SettingError
from showface.losses.sources import registration_loss
from showface.networks.coarse import coarse_face
from showface.networks.source_alignment import Aligned, warp
from showface.networks.sources import with_mirror
from showface.semantics import CATEGORIES
from showface.training.configuration import Recipe
from showface.training.run import train
from showface.training.stages.alignment import ELSEWHERE, HIDDEN, REGIONS, AlignmentStage, importance, sources_of
from showface.training.state import RESULT, checkpoints, read_tensors

CPU = torch.device("cpu")
pytestmark = [pytest.mark.usefixtures("lite_unfetched"), pytest.mark.slow]  # whole trainings, of tiny networks
TERMS = {"registration", "roughness", "confidence"}


@pytest.fixture
def stage(sourced_recipe: Recipe, sourced_run: Path) -> AlignmentStage:
    torch.manual_seed(0)
    return AlignmentStage(sourced_recipe, sourced_recipe.stage("alignment"), (sourced_run,), CPU)


@pytest.fixture
def batch(viewed_batch: Batch) -> Batch:
    return viewed_batch


def with_gradient(module: nn.Module) -> set[str]:
    return {name.split(".")[0] for name, p in module.named_parameters() if p.grad is not None and p.grad.any()}


def test_flow_and_confidence_each_learn_from_their_own_term(stage: AlignmentStage, batch: Batch) -> None:
    (phase,) = stage.phases()
    phase.network.requires_grad_(True)
    terms = phase.losses(batch)
    assert set(terms) == {*TERMS, "total"}
    torch.testing.assert_close(terms["total"], sum((terms[name] for name in TERMS), torch.zeros(())))
    by_term = {"registration": {"matching"}, "roughness": {"matching"}, "confidence": {"confidence"}}
    for name, reached in by_term.items():
        stage.network.zero_grad()
        terms[name].backward(retain_graph=True)
        assert with_gradient(stage.network) == reached, "the last layer of the confidence begins at zero"
    assert all(value.isfinite() for value in terms.values())
    for frozen in (stage.coarse, stage.parser, stage.lite):
        assert not any(p.requires_grad for p in frozen.parameters()) and not frozen.training


def brought(stage: AlignmentStage, batch: Batch) -> Aligned:
    """What the stage's network brings onto the coarse faces."""
    with torch.no_grad():
        coarse = coarse_face(stage.coarse, batch.images, batch.masks)
        found: Aligned = stage.network(coarse, batch.masks, with_mirror(coarse, batch.masks, sources_of(batch)))
    return found


def test_places_are_told_by_the_true_pictures_also_where_they_are_hidden(stage: AlignmentStage, batch: Batch) -> None:
    """Where the flow looks, the true face mirrored, nothing hidden, and the view where it can be seen."""
    sources, flow = sources_of(batch), brought(stage, batch).flow
    assert sources is not None and flow.abs().max() > 0.01
    truth, (seen, hidden) = F.avg_pool2d(batch.images, 2), sources.flat()
    cells = F.interpolate(stage._importance_of(batch.images, batch.masks), size=(32, 32), mode="nearest")
    mirrored = registration_loss(warp(F.avg_pool2d(batch.images.flip(-1), 2), flow[:, 0]), truth, cells)
    shown = warp(F.avg_pool2d(1 - hidden, 2), flow[:, 1]) > 0.9
    views = registration_loss(warp(F.avg_pool2d(seen, 2), flow[:, 1]), truth, cells * shown)
    expected = torch.stack([mirrored, views], dim=1).mean()
    torch.testing.assert_close(stage.losses(batch)["registration"], expected, rtol=1e-3, atol=1e-4)
    assert views[2] == 0, "a view that is hidden shows nothing"


def test_cells_count_by_their_category_and_more_where_they_are_hidden(stage: AlignmentStage, batch: Batch) -> None:
    by_category = dict(zip(CATEGORIES, importance().tolist(), strict=True))
    assert by_category["eye"] == REGIONS["eyes"] and by_category["hair"] == pytest.approx(ELSEWHERE)
    assert by_category["skin"] == REGIONS["face"] and by_category["nose"] == REGIONS["nose"]
    none, some = (stage._importance_of(batch.images, mask) for mask in (0 * batch.masks, batch.masks))
    hole = F.avg_pool2d(batch.masks, 4)
    torch.testing.assert_close(some, none * (1 + (HIDDEN - 1) * hole))
    semantic_map = stage.parser(batch.images).argmax(dim=1)
    assert {round(value, 4) for value in none.unique().tolist()} <= {
        round(float(importance()[category]), 4) for category in semantic_map.unique()
    }


def test_the_confidence_learns_where_a_source_is_nearer_and_can_be_seen(stage: AlignmentStage, batch: Batch) -> None:
    """A view that is the truth itself is always nearer, one of noise never; what is hidden does not count."""
    coarse = torch.zeros_like(batch.images)
    views = torch.stack([batch.images, torch.rand_like(batch.images) * 2 - 1], dim=1)
    shown = torch.ones(3, 2, 1, 64, 64)
    shown[2] = 0
    nothing = torch.zeros(3, 2, 1, 16, 16)
    aligned = Aligned._make([views, shown, shown, nothing, nothing.expand(-1, -1, 2, -1, -1), shown[:, 0], coarse])
    likely, counted = stage._nearer(aligned, coarse, batch.images, batch.masks)
    likely, counted = (x.unflatten(0, (3, 2)) for x in (likely, counted))
    assert torch.equal(counted[0, 0] > 0, F.avg_pool2d(batch.masks[0], 4) > 0.5) and not counted[2].any()
    inside = counted[0, 0] > 0
    assert likely[0, 0][inside].mean() > likely[0, 1][inside].mean()


def test_the_sheets_columns(stage: AlignmentStage, batch: Batch) -> None:
    before = {name: tensor.clone() for name, tensor in stage.network.state_dict().items()}
    masked, coarse, mirrored, view, share, face, truth = stage.show(batch, {})
    assert {tuple(column.shape) for column in (masked, coarse, mirrored, view, share, face, truth)} == {(3, 3, 64, 64)}
    aligned = brought(stage, batch)
    for column, expected in zip((mirrored, view), aligned.pictures.unbind(1), strict=True):
        torch.testing.assert_close(column, expected.clamp(-1, 1), rtol=0, atol=1e-4)
    assert torch.equal(face * (1 - batch.masks), batch.images * (1 - batch.masks)) and torch.equal(truth, batch.images)
    assert (share[(batch.masks == 0).expand_as(share)] == -1).all()
    assert all(torch.equal(tensor, before[name]) for name, tensor in stage.network.state_dict().items())
    assert stage.network.training


def test_without_views_the_mirror_image_is_the_only_source(stage: AlignmentStage, batch: Batch) -> None:
    alone = Batch(batch.images, batch.masks, batch.labels)
    assert sources_of(alone) is None
    assert all(value.isfinite() for value in stage.losses(alone).values()) and len(stage.show(alone, {})) == 6


def test_views_of_a_batch_are_its_sources(batch: Batch) -> None:
    sources = sources_of(batch)
    assert sources is not None
    assert torch.equal(sources.images, batch.views) and torch.equal(sources.hidden, batch.hidden)
    assert sources_of(replace(batch, hidden=torch.ones_like(batch.hidden))) is None


def test_it_learns_to_find_a_view_that_lies_elsewhere(stage: AlignmentStage, batch: Batch) -> None:
    """The face itself, four pixels to the right: forty steps bring it a good part of the way."""
    smooth = F.avg_pool2d(F.pad(batch.images, (2, 2, 2, 2), mode="replicate"), 5, stride=1)
    moved = smooth.roll(4, dims=-1)[:, None]
    given = replace(batch, images=smooth, views=moved, hidden=torch.zeros(3, 1, 1, 64, 64), masks=0 * batch.masks)
    optimiser = torch.optim.Adam(stage.network.requires_grad_(True).parameters(), lr=3e-3)
    for _ in range(40):
        loss = stage.losses(given)["registration"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        found: Aligned = stage.network(smooth, given.masks, with_mirror(smooth, given.masks, sources_of(given)))
    looked: Tensor = found.flow[:, 1, 0] * 64
    assert looked.mean() > 1, looked.mean()


# ---------------------------------------------------------------------------------------------- a run


def test_two_and_two_steps_equal_four(sourced_run: Path, sourced_recipe: Recipe, tmp_path: Path) -> None:
    half = tmp_path / "half"
    shutil.copytree(sourced_run, half)
    for name in (RESULT, "checkpoint-00000004.safetensors"):
        (half / "alignment" / name).unlink()
    console = Console(file=io.StringIO())
    train(sourced_recipe, half, stages=("alignment",), device=CPU, console=console)
    for name in (RESULT, "checkpoint-00000004.safetensors"):
        (expected, facts), (found, other_facts) = (
            read_tensors(run / "alignment" / name) for run in (sourced_run, half)
        )
        assert facts == other_facts and expected.keys() == found.keys()
        assert all(torch.equal(tensor, found[key]) for key, tensor in expected.items())


def test_what_a_run_leaves_behind(sourced_run: Path) -> None:
    folder = sourced_run / "alignment"
    two, four = (read_tensors(path)[0] for path in checkpoints(folder))
    changed = {name for name in four if name in two and not torch.equal(two[name], four[name])}
    for part in ("network/alignment/matching.encoder", "network/alignment/matching.correction",
                 "network/alignment/confidence", "average/alignment/stem"):  # fmt: skip
        assert any(name.startswith(part) for name in changed), part
    assert not any("lite" in name or "coarse" in name for name in four)
    with Image.open(folder / "sheet-00000004.jpg") as sheet:
        assert sheet.size == (64 * 7, 64 * 6)


def test_it_comes_after_coarse_network_and_parser_and_needs_sources(
    sourced_recipe: Recipe, tiny_recipe: Recipe, sourced_run: Path, tmp_path: Path
) -> None:
    config = sourced_recipe.stage("alignment")
    with pytest.raises(CheckpointError, match="stage 'alignment' needs the finished stage 'coarse'"):
        AlignmentStage(sourced_recipe, config, (tmp_path,), CPU)
    with pytest.raises(SettingError, match="recipe 'tiny' has no sources"):
        AlignmentStage(tiny_recipe, config, (sourced_run,), CPU)
