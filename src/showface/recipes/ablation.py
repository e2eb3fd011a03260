"""The six rows of the paper's Table 2, each a change of a recipe's last stage.

    showface train compact --data faces.json --masks masks/ --ablation "w/o MREM" --from runs/compact --out runs/no_mrem

All rows share the finished coarse network, parser and reconstruction network of the run that `--from` names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from showface.errors import SettingError, unknown
from showface.training.configuration import Recipe

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
    return replace(ROWS[row](recipe), name=recipe.name if row == "Full" else f"{recipe.name} {row}")
