"""Training a baseline through the one loop: losses by hand, phases apart, the same command resumes, the loader."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import Tensor

from showface.baselines.deepfillv2 import DeepFillV2Config
from showface.baselines.table import load_method
from showface.data.batches import Batch, FaceSamples, batches
from showface.errors import SettingError
from showface.masks import composite
from showface.networks.discriminator import DiscriminatorConfig
from showface.recipes.deepfillv2 import L1_AND_HINGE
from showface.training.configuration import Recipe
from showface.training.run import train
from showface.training.settings import with_settings
from showface.training.stages.deepfillv2 import DeepFillV2Stage
from showface.training.state import RESULT, read_tensors

pytestmark = pytest.mark.slow  # whole trainings, of tiny networks

CPU = torch.device("cpu")


@pytest.fixture
def recipe(tiny_recipe: Recipe) -> Recipe:
    stage = replace(tiny_recipe.stage("coarse"), name="deepfillv2", weights=L1_AND_HINGE)
    return Recipe(
        name="deepfillv2", baseline=DeepFillV2Config(width=4),
        discriminator=DiscriminatorConfig(kind="snpatch", width=4), stages=(stage,),
    )  # fmt: skip


@pytest.fixture
def batch(recipe: Recipe) -> Batch:
    return next(batches(FaceSamples(recipe.stages[0].data, seed=0), batch=3, first=0, last=1))


def staged(recipe: Recipe, *settings: str) -> DeepFillV2Stage:
    recipe = with_settings(recipe, settings)
    torch.manual_seed(0)
    return DeepFillV2Stage(recipe, recipe.stages[0], (), CPU)


def test_the_losses_by_hand(recipe: Recipe, batch: Batch) -> None:
    """L1 of both stages over the whole picture, and the mean logit of the composite."""
    stage = staged(recipe)
    assert stage.discriminator is not None
    stage.discriminator.eval()  # the power iteration of spectral norm stands still
    terms = stage.generator_losses(batch)
    first, second = stage.network.both_stages(batch.images, batch.masks)
    torch.testing.assert_close(terms["first_valid"] + terms["first_hole"], (first - batch.images).abs().mean())
    torch.testing.assert_close(terms["valid"] + terms["hole"], (second - batch.images).abs().mean())
    logits = stage.discriminator(composite(batch.images, second, batch.masks), batch.masks)
    torch.testing.assert_close(terms["adversarial"], -logits.mean())
    parts = ("first_valid", "first_hole", "valid", "hole", "adversarial")
    assert set(terms) == {*parts, "total"}
    torch.testing.assert_close(terms["total"], torch.stack([terms[name] for name in parts]).sum())


def test_the_discriminator_judges_the_same_completions(recipe: Recipe, batch: Batch) -> None:
    stage = staged(recipe)
    assert stage.discriminator is not None
    with pytest.raises(RuntimeError, match="generator phase comes first"):
        stage.discriminator_losses(batch)
    stage.generator_losses(batch)
    judged = stage.judged[batch.part]
    stage.discriminator.eval()
    loss = stage.discriminator_losses(batch)["total"]
    assert not stage.judged
    real, fake = (stage.discriminator(x.detach(), batch.masks) for x in (batch.images, judged.completed))
    torch.testing.assert_close(loss, (1 - real).relu().mean() + (1 + fake).relu().mean())


def test_phases_share_no_parameter(recipe: Recipe) -> None:
    generator, discriminator = (
        {id(p) for p in phase.network.parameters()} for phase in staged(recipe).phases()
    )  # fmt: skip
    assert generator and discriminator and not generator & discriminator


def test_without_the_adversarial_loss_there_is_one_phase(recipe: Recipe, batch: Batch) -> None:
    stage = staged(recipe, "deepfillv2.weights.adversarial=0")
    assert [phase.name for phase in stage.phases()] == ["generator"]
    assert set(stage.generator_losses(batch)) == {"first_valid", "first_hole", "valid", "hole", "total"}


def test_showing_changes_nothing(recipe: Recipe, batch: Batch) -> None:
    stage = staged(recipe)
    before = {name: tensor.clone() for name, tensor in stage.network.state_dict().items()}
    columns = stage.show(batch, {})
    assert len(columns) == 5 and all(column.shape == batch.images.shape for column in columns)
    visible = (batch.masks == 0).expand_as(batch.images)
    assert torch.equal(columns[3][visible], batch.images[visible])
    assert stage.network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in stage.network.state_dict().items())


def result(out: Path) -> dict[str, Tensor]:
    return read_tensors(out / "deepfillv2" / RESULT)[0]


def test_four_steps_equal_two_and_two_and_the_loader_takes_them(
    recipe: Recipe, tmp_path: Path, console: Console, batch: Batch
) -> None:
    train(recipe, tmp_path / "whole", device=CPU, console=console)
    short = replace(recipe, stages=(replace(recipe.stages[0], steps=2),))
    constant = ("deepfillv2.optimiser.schedule=constant", "deepfillv2.discriminator_optimiser.schedule=constant")
    for name, parts in (("four", (recipe,)), ("two_and_two", (short, recipe))):
        for part in parts:
            train(with_settings(part, constant), tmp_path / name, device=CPU, console=console)
            if part is short:  # a shorter run is finished; without its result the same folder goes on
                (tmp_path / name / "deepfillv2" / RESULT).unlink()
    one, other = result(tmp_path / "four"), result(tmp_path / "two_and_two")
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    method = load_method(tmp_path / "whole")
    assert not method.training
    raw = method(batch.images, batch.masks)
    assert raw.shape == batch.images.shape and raw.abs().max() <= 1
    for name, tensor in result(tmp_path / "whole").items():
        assert torch.equal(method.state_dict()[name], tensor)


def test_a_recipe_without_its_network_is_refused(recipe: Recipe) -> None:
    with pytest.raises(SettingError, match="stage deepfillv2 expects a `baseline`, got none"):
        staged(replace(recipe, baseline=None))
