"""The rows of an ablation: recipes that differ in their last stage, trained from the same finished stages before it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from rich.console import Console

from showface.configurations import from_plain, to_plain
from showface.errors import CheckpointError, SettingError
from showface.training.configuration import Recipe
from showface.training.run import has_result, train
from showface.training.stages.stage import MAY_CHANGE
from showface.training.state import Json, first_difference

SHARED = "shared"  # folder of the stages before the last, where no earlier run has them
FREE = tuple(name for name in MAY_CHANGE if name != "steps")  # what may differ between rows of one budget


def folder_of(row: str) -> str:
    """The folder of a row: "w/o MREM + w/o DMM" is no_mrem_no_dmm."""
    return re.sub(r"\W+", "_", row.lower().replace("w/o", "no")).strip("_")


def train_rows(
    rows: Mapping[str, Recipe], out: Path, *, earlier: Path | None, device: torch.device, console: Console
) -> dict[str, Path]:
    """Train the last stage of every row in a folder of its own below `out`; returns the run folders by row.

    The stages before it are read from the run `earlier`, or trained once in `out/shared`. The same call goes on where
    an earlier one stopped; a finished row is only read. A folder that was trained by another recipe or for another
    number of steps is refused before anything is trained.
    """
    runs = {row: out / folder_of(row) for row in rows}
    for row, recipe in rows.items():
        refuse_other_recipe(runs[row], recipe)
    shared = shared_stages(next(iter(rows.values())), out, earlier, device=device, console=console)
    for row, recipe in rows.items():
        console.print(f"{row}: {runs[row]}", markup=False, highlight=False, soft_wrap=True)
        train(recipe, runs[row], stages=(recipe.stages[-1].name,), earlier=shared, device=device, console=console)
    return runs


def shared_stages(recipe: Recipe, out: Path, earlier: Path | None, *, device: torch.device, console: Console) -> Path:
    """The run that holds all stages of `recipe` before its last: `earlier`, or one that is trained below `out`."""
    names = tuple(stage.name for stage in recipe.stages[:-1])
    if earlier is None:
        refuse_other_recipe(out / SHARED, recipe)
        train(recipe, out / SHARED, stages=names, device=device, console=console)
        return out / SHARED
    if not earlier.is_dir():
        raise CheckpointError(f"{earlier}: expected the folder of an earlier run, found none")
    for name in names:
        if not has_result(earlier, name):
            raise CheckpointError(
                f"{earlier}: has no finished stage {name!r}, which all rows share; train it there first, or leave "
                "the earlier run out to train everything here"
            )
    return earlier


def refuse_other_recipe(run: Path, recipe: Recipe) -> None:
    """Rows are compared only at one budget: what is in `run` must be, or become, what `recipe` makes."""
    file = run / "recipe.json"
    if not file.is_file():
        return
    try:
        found = from_plain(Recipe, json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, SettingError) as error:
        raise CheckpointError(f"{file}: not readable as a recipe: {error}; use another --out") from error
    if difference := first_difference(_compared(found), _compared(recipe)):
        raise SettingError(f"{run}: trained with another recipe ({difference}); use another --out")


def _compared(recipe: Recipe) -> Json:
    """What decides a row's result and its budget."""
    plain = to_plain(recipe)
    stages = {
        stage["name"]: {name: value for name, value in stage.items() if name not in FREE} for stage in plain["stages"]
    }
    return plain | {"stages": stages}
