"""Recipes of the baselines: the published settings, and as many pictures for each as for ours."""

from __future__ import annotations

import pytest

from showface import recipes
from showface.baselines.table import BASELINES
from showface.configurations import from_plain, to_plain
from showface.data.faces import FaceSource
from showface.data.mask_sets import MaskSource
from showface.errors import SettingError
from showface.recipes import RECIPES
from showface.recipes.ablation import ablated
from showface.training.configuration import Recipe
from showface.training.settings import with_settings

FACES, MASKS = (FaceSource(folder="faces"),), MaskSource(drawn=1.0)


def made(name: str) -> Recipe:
    return recipes.recipe(name, FACES, MASKS)


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_is_one_stage_on_the_given_data(name: str) -> None:
    recipe = made(name)
    (stage,) = recipe.stages
    assert recipe.name == name and stage.name == BASELINES[name].stage
    assert stage.data.faces == FACES and stage.data.masks == MASKS
    assert from_plain(Recipe, to_plain(recipe)) == recipe


@pytest.mark.parametrize("name", BASELINES)
def test_as_many_pictures_as_ours(name: str) -> None:
    """100 epochs of the coarse stage and 45 of the last."""
    ours, (stage,) = made("paper_celebahq"), made(name).stages
    seen = sum(ours.stage(other).steps * ours.stage(other).batch for other in ("coarse", "mdrnets"))
    assert stage.steps * stage.batch == seen == 145 * 28_000
    assert stage.data == ours.stage("mdrnets").data


def test_deepfillv2_as_published() -> None:
    recipe = made("deepfillv2")
    (stage,) = recipe.stages
    assert stage.batch == 16
    for adam in (stage.optimiser, stage.discriminator_optimiser):
        assert (adam.lr, adam.betas, adam.schedule, adam.warmup) == (1e-4, (0.5, 0.999), "constant", 0)
    assert {name: weight for name, weight in to_plain(stage.weights).items() if weight} == {
        "valid": 1, "hole": 1, "adversarial": 1,
    }  # fmt: skip
    assert stage.options.average == "picture"
    assert recipe.baseline is not None and recipe.baseline.width == 48
    assert recipe.discriminator.kind == "snpatch" and recipe.discriminator.spectral_norm


def test_pconv_as_published() -> None:
    recipe = made("pconv")
    (stage,) = recipe.stages
    assert {name: weight for name, weight in to_plain(stage.weights).items() if weight} == {
        "valid": 1, "hole": 6, "perceptual": 0.05, "style": 120, "tv": 0.1,
    }  # fmt: skip
    assert (stage.options.average, stage.options.perceptual_on, stage.options.style) == ("picture", "both", "gram")
    assert stage.optimiser.lr == 2e-4 and stage.optimiser.lr * stage.optimiser.drop == 5e-5
    assert stage.optimiser.drop_at == stage.frozen_norm_from == 0.8
    coarse = recipe.networks.coarse
    assert coarse.widths == (64, 128, 256, 512, 512, 512, 512) and (coarse.fold, coarse.fill) == (1, "none")


def test_the_small_configuration_is_a_matter_of_settings() -> None:
    recipe = with_settings(
        made("deepfillv2"), ("baseline.width=24", "deepfillv2.data.size=128", "discriminator.width=32")
    )
    assert recipe.baseline is not None and recipe.baseline.width == 24
    assert recipe.stage("deepfillv2").data.size == 128 and recipe.discriminator.width == 32
    with pytest.raises(SettingError, match="unknown setting of baseline 'widht'; did you mean 'width'"):
        with_settings(made("deepfillv2"), ("baseline.widht=24",))
    with pytest.raises(SettingError, match=r"baseline: expected a value, it has no field 'width'"):
        with_settings(made("compact"), ("baseline.width=24",))


def test_table_2_has_no_row_for_a_baseline() -> None:
    with pytest.raises(SettingError, match="unknown stage of recipe deepfillv2 'mdrnets'"):
        ablated(made("deepfillv2"), "w/o L_sem")


def test_every_baseline_has_a_recipe() -> None:
    assert BASELINES.keys() <= RECIPES.keys()
