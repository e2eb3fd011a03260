"""The six rows of the paper's Table 2, each a change of a recipe's last stage.

    showface train compact --data faces.json --masks masks/ --ablation "w/o MREM" --from runs/compact --out runs/no_mrem

All rows share the finished coarse network, parser and reconstruction network of the run that `--from` names; in these
six the coarse network does not learn on, as in the paper, whatever the recipe says (`joint`).

`showface ablate --rows FILE.json` takes rows of one's own, each a list of settings:

    {"32 slots": [], "one slot": ["networks.memory.slots=1"]}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from showface.errors import SettingError, unknown
from showface.training.configuration import Recipe
from showface.training.rows import folder_of
from showface.training.settings import with_settings

Row = Callable[[Recipe], Recipe]


def without_memory(recipe: Recipe) -> Recipe:
    """The style features are injected as they are; without the memory there is nothing to enhance either."""
    return replace(recipe, networks=replace(recipe.networks, use_memory=False, use_mask_region=False))


def without_mask_region(recipe: Recipe) -> Recipe:
    """The fused features are injected without masked correlation mining."""
    return replace(recipe, networks=replace(recipe.networks, use_mask_region=False))


def without_loss(name: str) -> Row:
    """A row that trains the last stage without the loss of this name."""

    def row(recipe: Recipe) -> Recipe:
        changed = replace(recipe.stage("mdrnets"), weights=replace(recipe.stage("mdrnets").weights, **{name: 0.0}))
        stages = tuple(changed if stage.name == "mdrnets" else stage for stage in recipe.stages)
        return replace(recipe, stages=stages)

    return row


def full(recipe: Recipe) -> Recipe:
    """Nothing is left out."""
    return recipe


ROWS: dict[str, Row] = {
    "w/o MREM + w/o DMM": without_memory,
    "w/o MREM": without_mask_region,
    "w/o L_sem": without_loss("semantic"),
    "w/o L_intra": without_loss("intra"),
    "w/o L_inter": without_loss("inter"),
    "Full": full,
}


def ablated(recipe: Recipe, row: str) -> Recipe:
    """`recipe` as the row of Table 2 changes it, under a name that says so."""
    if row not in ROWS:
        raise SettingError(unknown("row of Table 2", row, ROWS))
    stages = tuple(replace(stage, joint=False) for stage in recipe.stages)
    changed = ROWS[row](replace(recipe, stages=stages))
    return replace(changed, name=recipe.name if row == "Full" else f"{recipe.name} {row}")


def chosen_rows(recipe: Recipe, own: Path | None = None, names: Sequence[str] = ()) -> dict[str, Recipe]:
    """The rows of Table 2, or of the file `own`, each with its recipe; of these only `names`, if there are any."""
    if own is None:
        return {row: ablated(recipe, row) for row in dict.fromkeys(names or ROWS)}
    rows = {row: replace(with_settings(recipe, settings), name=row) for row, settings in read_rows(own).items()}
    for name in names:
        if name not in rows:
            raise SettingError(unknown(f"row of {own.name}", name, rows))
    for row in rows.values():
        if row.stages[:-1] != recipe.stages[:-1]:
            raise SettingError(f"{own}: row {row.name!r} changes a stage before the last, which all rows share")
    return {row: rows[row] for row in dict.fromkeys(names or rows)}


def read_rows(file: Path) -> dict[str, tuple[str, ...]]:
    """The rows in `file`: JSON, an object from each row's name to a list of settings; `SettingError` if it is not."""
    form = f'{file}: expected JSON such as {{"one slot": ["networks.memory.slots=1"]}}'
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingError(f"{form}, found {error}") from error
    if not isinstance(found, dict) or not found:
        raise SettingError(f"{form}, with at least one row")
    for row, settings in found.items():
        if not isinstance(settings, list) or not all(isinstance(setting, str) for setting in settings):
            raise SettingError(f"{form}, found {settings!r} for {row!r}")
    folders = [folder_of(row) for row in found]
    for row, folder in zip(found, folders, strict=True):
        if not folder or folders.count(folder) > 1:
            raise SettingError(f"{file}: row {row!r} has no folder name of its own ({folder!r}); name it otherwise")
    return {row: tuple(settings) for row, settings in found.items()}
