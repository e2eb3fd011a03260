"""The last stage with sources and critics on Lite0's features: who learns from what, and that a run can be resumed."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from rich.console import Console
from torch import nn

from showface import weights
from showface.data.batches import Batch
from showface.errors import CheckpointError
from showface.features.efficientnet_lite0 import EfficientNetLite0
from showface.losses.components import COMPONENTS
from showface.networks.projected_discriminator import ProjectedDiscriminator
from showface.training.configuration import Recipe
from showface.training.run import train
from showface.training.settings import with_settings
from showface.training.stages.alignment import sources_of
from showface.training.stages.lite_judges import WHOLE, critics_of
from showface.training.stages.mdrnets import MDRNetsStage
from showface.training.state import RESULT, checkpoints, read_tensors

CPU = torch.device("cpu")
pytestmark = [pytest.mark.usefixtures("lite_unfetched"), pytest.mark.slow]  # whole trainings, of tiny networks
TERMS = {"hole", "projected", "projected_matching", "component", "component_matching"}


@pytest.fixture
def recipe(sourced_recipe: Recipe) -> Recipe:
    return sourced_recipe


@pytest.fixture
def batch(viewed_batch: Batch) -> Batch:
    return viewed_batch


def stage_of(recipe: Recipe, run: Path, *settings: str) -> MDRNetsStage:
    recipe = with_settings(recipe, settings)
    torch.manual_seed(0)
    made = MDRNetsStage(recipe, recipe.stage("mdrnets"), (run,), CPU)
    nn.init.normal_(made.network.refinement.head.weight, std=0.05)  # which begins with nothing to say
    return made


def with_gradient(module: nn.Module) -> set[str]:
    return {name for name, p in module.named_parameters() if p.grad is not None and p.grad.any()}


# ---------------------------------------------------------------------------------------------- phases


def test_the_generator_learns_from_every_term_and_nothing_else_does(
    sourced_run: Path, recipe: Recipe, batch: Batch
) -> None:
    stage = stage_of(recipe, sourced_run)
    generator, critics = stage.phases()
    assert (generator.name, critics.name) == ("generator", "critics")
    generator.network.requires_grad_(True)
    stage.survey([batch])
    terms = generator.losses(batch)
    assert set(terms) == {*TERMS, "total"}
    assert all(value.isfinite() and value != 0 for value in terms.values())
    for name in TERMS:
        reached = torch.autograd.grad(terms[name], stage.refined.parameters(), retain_graph=True, allow_unused=True)
        assert any(gradient is not None and gradient.any() for gradient in reached), name
    terms["total"].backward()
    boxes = {name.split(".")[0] for name in with_gradient(stage.refined)}
    assert boxes == {"style_encoder", "refinement", "mask_region"}
    assert stage.lite is not None
    assert stage.network.alignment is not None
    standing = stage.network.coarse, stage.network.parser, stage.network.alignment
    for frozen in (stage.lite.trunk, stage.lite.critics, *standing):
        assert not with_gradient(frozen) and not any(p.requires_grad for p in frozen.parameters())


def test_the_critics_learn_from_the_same_completions_and_nothing_else_does(
    sourced_run: Path, recipe: Recipe, batch: Batch
) -> None:
    stage = stage_of(recipe, sourced_run)
    generator, critics = stage.phases()
    stage.survey([batch])
    generator.losses(batch)
    critics.network.requires_grad_(True)
    before = {name: buffer.clone() for name, buffer in critics.network.named_buffers() if "ing_" in name}
    terms = critics.losses(batch)
    assert set(terms) == {"projected", "component", "total"}
    terms["total"].backward()
    learning = with_gradient(critics.network)
    assert {name.split(".")[0] for name in learning} == {WHOLE, *COMPONENTS}
    assert all(".heads." in name for name in learning)
    assert not with_gradient(stage.network) and stage.lite is not None and not with_gradient(stage.lite.trunk)
    after = dict(critics.network.named_buffers())
    assert len(before) == 3 * 8 and all(torch.equal(after[name], buffer) for name, buffer in before.items())
    with pytest.raises(KeyError):
        critics.losses(batch)  # the generator phase comes first


def test_a_step_of_the_critics_tells_them_apart_better(sourced_run: Path, recipe: Recipe, batch: Batch) -> None:
    stage = stage_of(recipe, sourced_run)
    generator, critics = stage.phases()
    optimiser = torch.optim.Adam(critics.network.requires_grad_(True).parameters(), lr=1e-2)
    losses = []
    for _ in range(12):
        stage.survey([batch])
        with torch.no_grad():
            generator.losses(batch)
        loss = critics.losses(batch)["projected"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.05, losses


def test_parts_of_a_batch_are_looked_at_apart(sourced_run: Path, recipe: Recipe, batch: Batch) -> None:
    """Losses and critics of three parts average to those of the whole, their maps and views with them."""
    whole, apart = (stage_of(recipe, sourced_run) for _ in range(2))
    found = []
    for stage, count in ((whole, 1), (apart, 3)):
        stage.network.memory.slots.copy_(whole.network.memory.slots)
        parts = batch.parts(count)
        stage.survey(parts)
        generator, critics = stage.phases()
        with torch.no_grad():
            told = [generator.losses(part)["hole"] for part in parts]
            learnt = [critics.losses(part)["projected"] for part in reversed(parts)]
        found.append((torch.stack(told).mean(), torch.stack(learnt).mean()))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize(
    ("asked", "critics"),
    [({"projected": 1.0}, {WHOLE}), ({"component": 1.0}, {*COMPONENTS}), ({"projected_matching": 1.0}, set())],
)
def test_only_critics_that_a_weight_asks_for_are_built(
    sourced_run: Path, recipe: Recipe, asked: dict[str, float], critics: set[str]
) -> None:
    weights = dict.fromkeys(TERMS - {"hole"}, 0.0) | asked
    stage = stage_of(recipe, sourced_run, *(f"mdrnets.weights.{name}={value}" for name, value in weights.items()))
    assert stage.lite is not None and set(stage.lite.critics) == critics
    assert [phase.name for phase in stage.phases()] == ["generator"] + ["critics"] * bool(critics)


def test_without_a_term_on_lite_it_is_not_fetched(
    sourced_run: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EfficientNetLite0, "pretrained", None)
    off = (f"mdrnets.weights.{name}=0.0" for name in TERMS - {"hole"})
    assert stage_of(recipe, sourced_run, *off).lite is None


def test_every_critic_has_a_projection_of_its_own(recipe: Recipe) -> None:
    made = critics_of(recipe.projected, recipe.stage("mdrnets").weights)
    kernels = [critic.get_buffer("mixing_0") for critic in made.values()]
    assert len(kernels) == 3 and not any(torch.equal(one, kernels[0]) for one in kernels[1:])
    again = ProjectedDiscriminator(recipe.projected).get_buffer("mixing_0")
    assert torch.equal(kernels[0], again), "and the same in every run"


def test_the_alignment_comes_finished(sourced_run: Path, recipe: Recipe, tmp_path: Path) -> None:
    stage = stage_of(recipe, sourced_run)
    expected, _ = read_tensors(sourced_run / "alignment" / RESULT)
    assert stage.network.alignment is not None and "alignment" not in stage.refined
    assert all(torch.equal(tensor, expected[name]) for name, tensor in stage.network.alignment.state_dict().items())
    for name in ("coarse", "face_parser"):
        shutil.copytree(sourced_run / name, tmp_path / name)
    with pytest.raises(CheckpointError, match="stage 'mdrnets' needs the finished stage 'alignment'"):
        stage_of(recipe, tmp_path)


# ---------------------------------------------------------------------------------------------- a run


def trained(recipe: Recipe, out: Path, earlier: Path) -> Path:
    train(recipe, out, earlier=earlier, stages=("mdrnets",), device=CPU, console=Console(file=io.StringIO()))
    return out / "mdrnets"


@pytest.fixture
def run(recipe: Recipe, sourced_run: Path, tmp_path: Path) -> Path:
    """Four steps without a break."""
    return trained(recipe, tmp_path / "run", sourced_run)


def test_two_and_two_steps_equal_four(run: Path, recipe: Recipe, sourced_run: Path, tmp_path: Path) -> None:
    """Networks, critics with their projections and norms, optimisers, averages and memory."""
    half = tmp_path / "half"
    shutil.copytree(run.parent, half)
    for name in (RESULT, "checkpoint-00000004.safetensors"):
        (half / "mdrnets" / name).unlink()
    again = trained(recipe, half, sourced_run)
    for name in (RESULT, "checkpoint-00000004.safetensors"):
        (expected, facts), (found, other_facts) = read_tensors(run / name), read_tensors(again / name)
        assert facts == other_facts and expected.keys() == found.keys()
        assert all(torch.equal(tensor, found[key]) for key, tensor in expected.items())


def test_what_a_run_leaves_behind(run: Path, recipe: Recipe, sourced_run: Path) -> None:
    two, four = (read_tensors(path)[0] for path in checkpoints(run))
    projections = {name for name in four if name.startswith("network/critics/") and "ing_" in name}
    assert len(projections) == 3 * 8 and all(torch.equal(two[name], four[name]) for name in projections)
    changed = {name for name in four if name in two and not torch.equal(two[name], four[name])}
    for part in ("network/generator/refined.mask_region", "network/critics/eyes.heads", "optimiser/critics/",
                 "average/generator/refined.refinement.brought"):  # fmt: skip
        assert any(name.startswith(part) for name in changed), part
    assert not any(word in name for name in four for word in ("trunk", "coarse.", "alignment"))
    with Image.open(run / "sheet-00000004.jpg") as sheet:
        assert sheet.size == (64 * 7, 64 * 6)  # masked, view, coarse, map, sources on the face, completed, truth
    configuration, state = weights.load(run.parent / "weights")
    assert configuration == recipe.networks
    alignment, _ = read_tensors(sourced_run / "alignment" / RESULT)
    for name, tensor in alignment.items():
        torch.testing.assert_close(state[f"alignment.{name}"].float(), tensor, rtol=1e-3, atol=1e-6)


def test_the_sheets_columns(sourced_run: Path, recipe: Recipe, batch: Batch) -> None:
    stage = stage_of(recipe, sourced_run)
    columns = stage.show(batch, {})
    assert len(columns) == 7 and {tuple(column.shape) for column in columns} == {(3, 3, 64, 64)}
    assert torch.equal(columns[1], batch.views[:, 0]) and torch.equal(columns[-1], batch.images)
    with torch.no_grad():
        output = stage.network.eval()(batch.images, batch.masks, sources_of(batch))
    torch.testing.assert_close(columns[4], output.aligned.face.clamp(-1, 1))
