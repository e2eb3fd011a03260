"""Rows of an ablation share what is trained before, have one budget, and are not trained twice."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import torch
from rich.console import Console

from showface.errors import CheckpointError, SettingError
from showface.recipes.ablation import ROWS, ablated
from showface.training.configuration import Recipe
from showface.training.rows import folder_of, refuse_other_recipe, train_rows
from showface.training.settings import with_settings
from showface.training.state import RESULT, read_tensors

pytestmark = pytest.mark.slow  # whole trainings, of tiny networks

CPU = torch.device("cpu")


def said(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_folders_have_plain_and_different_names() -> None:
    names = [folder_of(row) for row in ROWS]
    assert names == ["no_mrem_no_dmm", "no_mrem", "no_l_sem", "no_l_intra", "no_l_inter", "full"]


def test_rows_train_the_last_stage_only_and_go_on_where_they_stopped(
    tiny_recipe: Recipe, finished_run: Path, tmp_path: Path, console: Console
) -> None:
    short = with_settings(tiny_recipe, ("mdrnets.steps=1",))
    rows = {row: ablated(short, row) for row in ("w/o L_intra", "Full")}
    runs = train_rows(rows, tmp_path, earlier=finished_run, device=CPU, console=console)
    assert {row: run.relative_to(tmp_path).as_posix() for row, run in runs.items()} == {
        "w/o L_intra": "no_l_intra", "Full": "full",
    }  # fmt: skip
    for run in runs.values():
        assert (run / "mdrnets" / RESULT).is_file() and (run / "weights").is_dir()
        assert not (run / "coarse").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "no_l_intra"]
    ours, other = (read_tensors(run / "mdrnets" / RESULT)[0] for run in runs.values())
    assert any(not torch.equal(ours[name], other[name]) for name in ours)
    before = said(console)
    train_rows(rows, tmp_path, earlier=finished_run, device=CPU, console=console)
    assert said(console).removeprefix(before).count("finished before") == 2


def test_without_an_earlier_run_the_shared_stages_are_trained_once(
    tiny_recipe: Recipe, tmp_path: Path, console: Console
) -> None:
    short = with_settings(tiny_recipe, tuple(f"{stage.name}.steps=1" for stage in tiny_recipe.stages))
    rows = {row: ablated(short, row) for row in ("w/o MREM", "Full")}
    train_rows(rows, tmp_path, earlier=None, device=CPU, console=console)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "no_mrem", "shared"]
    assert said(console).count("coarse: done") == 1 and said(console).count("mdrnets: done") == 2


def test_another_budget_or_recipe_is_refused_before_anything_is_trained(
    tiny_recipe: Recipe, finished_run: Path, tmp_path: Path, console: Console
) -> None:
    """The finished tiny run stands in for a row that was trained for four steps."""
    (tmp_path / "full").symlink_to(finished_run)
    for setting, told in (
        ("mdrnets.steps=5", "stages.mdrnets.steps: 4 there, 5 here"),
        ("mdrnets.weights.style=1.0", "stages.mdrnets.weights.style: 0.0 there, 1.0 here"),
    ):
        rows = {"w/o MREM": tiny_recipe, "Full": with_settings(tiny_recipe, (setting,))}
        with pytest.raises(SettingError, match=told):
            train_rows(rows, tmp_path, earlier=finished_run, device=CPU, console=console)
    assert not (tmp_path / "no_mrem").exists()
    refuse_other_recipe(tmp_path / "full", with_settings(tiny_recipe, ("mdrnets.workers=1", "mdrnets.log_every=7")))


def test_a_run_that_cannot_be_shared_is_refused(
    tiny_recipe: Recipe, finished_run: Path, tmp_path: Path, console: Console
) -> None:
    rows = {"Full": tiny_recipe}
    with pytest.raises(CheckpointError, match="expected the folder of an earlier run"):
        train_rows(rows, tmp_path / "out", earlier=tmp_path / "none", device=CPU, console=console)
    half = tmp_path / "half"
    half.mkdir()
    for name in ("coarse", "face_parser"):
        (half / name).symlink_to(finished_run / name)
    with pytest.raises(CheckpointError, match="no finished stage 'reconstruction'"):
        train_rows(rows, tmp_path / "out", earlier=half, device=CPU, console=console)
    assert not (tmp_path / "out").exists()


def test_a_broken_recipe_is_named(tiny_recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text("{")
    with pytest.raises(CheckpointError, match="not readable as a recipe"):
        refuse_other_recipe(tmp_path, replace(tiny_recipe, name="other"))
