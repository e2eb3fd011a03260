"""A checkpoint made before a setting existed goes on as if it had the setting's default."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from showface.training.configuration import Recipe
from showface.training.settings import with_settings
from showface.training.stages.coarse import CoarseStage
from showface.training.stages.mdrnets import MDRNetsStage

pytestmark = pytest.mark.slow  # whole trainings, of tiny networks


def coarse(recipe: Recipe, run: Path, *settings: str) -> CoarseStage:
    recipe = with_settings(recipe, settings)
    return CoarseStage(recipe, recipe.stage("coarse"), (run,), torch.device("cpu"))


def test_a_run_from_before_occluders_goes_on_without_them(tiny_recipe: Recipe, tmp_path: Path) -> None:
    stage = coarse(tiny_recipe, tmp_path)
    older = copy.deepcopy(stage.identity())
    assert older["stage"]["data"]["masks"].pop("occluders") == 0.0
    assert older != stage.identity() and stage.filled(older) == stage.identity()


def test_occluders_belong_to_what_must_not_change(tiny_recipe: Recipe, tmp_path: Path) -> None:
    stage, occluded = coarse(tiny_recipe, tmp_path), coarse(tiny_recipe, tmp_path, "coarse.data.masks.occluders=0.3")
    assert occluded.config.data.masks.occluders == 0.3
    assert occluded.filled(stage.identity()) != occluded.identity()


def test_a_last_stage_from_before_the_projected_discriminator_goes_on(finished_run: Path, tiny_recipe: Recipe) -> None:
    stage = MDRNetsStage(tiny_recipe, tiny_recipe.stage("mdrnets"), (finished_run,), torch.device("cpu"))
    older = copy.deepcopy(stage.identity())
    older["networks"].pop("projected")
    assert stage.filled(older) == stage.identity()
