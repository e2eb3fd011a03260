"""Recipes: the paper's numbers, one change per row of Table 2, and the smoke run from the command line to a picture."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from showface import recipes
from showface.baselines.table import BASELINES
from showface.configurations import differences, from_plain, to_plain
from showface.data.faces import FaceSource
from showface.data.mask_sets import MaskSource
from showface.errors import SettingError
from showface.recipes import RECIPES
from showface.recipes.ablation import ROWS, ablated
from showface.training.configuration import Recipe
from showface.training.settings import with_settings

FACES = (FaceSource(folder="faces", labels="labels"), FaceSource(folder="more"))
MASKS = MaskSource(drawn=1.0)


def made(name: str) -> Recipe:
    return recipes.recipe(name, FACES, MASKS)


@pytest.mark.parametrize("name", RECIPES.keys() - BASELINES.keys() - {"finetune"})
def test_a_recipe_is_complete(name: str) -> None:
    recipe = made(name)
    assert recipe.name == name
    names = [stage.name for stage in recipe.stages]
    own_parser = [] if recipe.networks.parser is None else ["face_parser"]
    alignment = [] if recipe.networks.sources is None else ["alignment"]
    last = recipe.stage("mdrnets").weights
    reconstruction = ["reconstruction"] if last.intra or last.inter else []
    assert names == ["coarse", *own_parser, *alignment, *reconstruction, "mdrnets"]
    assert all(replace(stage.data.masks, parts=MASKS.parts) == MASKS for stage in recipe.stages)
    assert all(stage.data.size % recipe.networks.coarse.multiple == 0 for stage in recipe.stages)
    for stage in recipe.stages:
        labelled_only = (replace(FACES[0], labelled_only=True),)
        assert stage.data.faces == (labelled_only if stage.name == "face_parser" else FACES)
    assert from_plain(Recipe, to_plain(recipe)) == recipe


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_opens_with_command_hardware_hours_and_score(name: str) -> None:
    text = inspect.getdoc(RECIPES[name]) or ""
    assert f"showface train {name} --data" in text
    assert all(f"{word}: " in text for word in ("Hardware", "Hours", "Score"))


def test_an_unknown_recipe_suggests_the_nearest() -> None:
    with pytest.raises(SettingError, match="unknown recipe 'compct'; did you mean 'compact'"):
        made("compct")


@pytest.mark.parametrize(
    ("name", "coarse", "reconstruction", "mdrnets"),
    [("paper_celebahq", 350_000, 105_000, 157_500), ("paper_ffhq", 850_000, 255_000, 382_500)],
)
def test_the_papers_schedules(name: str, coarse: int, reconstruction: int, mdrnets: int) -> None:
    """method.md §1: epochs 100, 30 and 45 of 28,000 or 68,000 pictures in batches of 8."""
    recipe = made(name)
    steps = {"coarse": coarse, "reconstruction": reconstruction, "mdrnets": mdrnets}
    assert {stage.name: stage.steps for stage in recipe.stages} == steps
    for stage in recipe.stages:
        adam = stage.optimiser
        assert (stage.batch, adam.lr, adam.betas, adam.schedule, adam.warmup) == (8, 2e-4, (0.9, 0.99), "constant", 0)
    fine_tuned = recipe.stage("coarse")
    assert fine_tuned.optimiser.drop_at == fine_tuned.frozen_norm_from == 0.8
    assert fine_tuned.optimiser.lr * fine_tuned.optimiser.drop == 5e-5
    weights = to_plain(recipe.stage("mdrnets").weights)
    assert weights == {"valid": 1, "hole": 6, "perceptual": 0.05, "style": 120, "adversarial": 0.1,
                       "projected": 0, "projected_matching": 0, "component": 0,
                       "component_matching": 0, "tv": 0.1, "ssim": 0, "pattern": 0, "semantic": 0.1, "intra": 1,
                       "inter": 1}  # fmt: skip
    assert recipe.networks.parser is None and recipe.networks.memory.decay == 0.999


def test_compact_aligns_sources_before_its_last_stage_looks_at_them() -> None:
    recipe = made("compact")
    alignment, last = recipe.stage("alignment"), recipe.stage("mdrnets")
    assert (alignment.steps, alignment.optimiser.lr, last.steps) == (900, 2e-3, 1600)
    assert recipe.networks.sources is not None
    assert all(stage.data.size % recipe.networks.sources.multiple == 0 for stage in (alignment, last))
    assert alignment.data.masks.parts == last.data.masks.parts > 0.5


# ---------------------------------------------------------------------------------------------- Table 2


def changes(row: str, recipe: Recipe) -> set[str]:
    """What a row changes: fields of the networks, weights of the last stage, and nothing else."""
    other = ablated(recipe, row)
    assert other.stages[:-1] == recipe.stages[:-1]
    before, after = recipe.stages[-1], other.stages[-1]
    assert replace(after, weights=before.weights) == before
    assert replace(other, name=recipe.name, networks=recipe.networks, stages=recipe.stages) == recipe
    return {*differences(recipe.networks, other.networks), *differences(before.weights, after.weights)}


def test_each_row_of_table_2_changes_what_it_says() -> None:
    recipe = made("paper_celebahq")
    assert {row: changes(row, recipe) for row in ROWS} == {
        "w/o MREM + w/o DMM": {"use_memory is False, expected True", "use_mask_region is False, expected True"},
        "w/o MREM": {"use_mask_region is False, expected True"},
        "w/o L_sem": {"semantic is 0.0, expected 0.1"},
        "w/o L_intra": {"intra is 0.0, expected 1.0"},
        "w/o L_inter": {"inter is 0.0, expected 1.0"},
        "Full": set(),
    }


def test_rows_have_names_of_their_own() -> None:
    recipe = with_settings(made("compact"), ("mdrnets.joint=true",))
    assert ablated(recipe, "Full") == with_settings(recipe, ("mdrnets.joint=false",))
    assert ablated(recipe, "w/o MREM").name == "compact w/o MREM"
    assert recipe.stage("mdrnets").joint and not ablated(recipe, "w/o MREM").stage("mdrnets").joint
    with pytest.raises(SettingError, match="unknown row of Table 2 'w/o mrem'"):
        ablated(recipe, "w/o mrem")


# ---------------------------------------------------------------------------------------------- the command


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five pictures of several sizes and no label, as anyone may have."""
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(0)
    for number, size in enumerate(((80, 80), (64, 90), (100, 70), (200, 200), (64, 64))):
        blurred = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize(size)
        blurred.save(tmp_path / "photos" / f"{number}.jpg")
    return tmp_path


def test_smoke_trains_all_stages_on_any_folder(folder: Path) -> None:
    """Fewer steps than the recipe's; everything else as `showface train smoke --data photos --out run` does it."""
    from showface.cli.train import command
    from showface.pipeline import FaceInpainter

    line = ["smoke", "--data", str(folder / "photos"), "--out", str(folder / "run"), "--device", "cpu"]
    for stage in ("coarse", "face_parser", "reconstruction", "mdrnets"):
        line += ["--set", f"{stage}.steps=3"]
    done = CliRunner().invoke(command, line, catch_exceptions=False)
    assert done.exit_code == 0
    for stage in ("coarse", "face_parser", "reconstruction", "mdrnets"):
        assert f"{stage}: done, " in done.output
    face, mask = Image.open(folder / "photos" / "3.jpg"), np.zeros((200, 200), dtype=np.uint8)
    mask[50:90, 60:120] = 255
    restored = np.asarray(FaceInpainter.from_pretrained(folder / "run" / "weights", device="cpu")(face, mask))
    assert np.array_equal(restored[mask == 0], np.asarray(face)[mask == 0])
    again = CliRunner().invoke(command, line, catch_exceptions=False)
    assert again.output.count("finished before") == 4 and "continues" not in again.output


def test_a_dry_run_prints_the_resolved_configuration_and_writes_nothing(folder: Path) -> None:
    from showface.cli.train import command

    line = ["compact", "--data", str(folder / "photos"), "--out", str(folder / "run"), "--dry-run",
            "--set", "coarse.steps=7", "--ablation", "w/o L_sem"]  # fmt: skip
    done = CliRunner().invoke(command, line, catch_exceptions=False)
    resolved = from_plain(Recipe, json.loads(done.output))
    assert resolved.stage("coarse").steps == 7 and resolved.stage("mdrnets").weights.semantic == 0
    assert resolved.stage("coarse").data.faces[0].folder == str(folder / "photos")
    assert not (folder / "run").exists()
