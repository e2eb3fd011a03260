"""Runs as functions: a recipe takes faces and masks and returns a complete configuration."""

from __future__ import annotations

from collections.abc import Callable

from showface.data.faces import FaceSource
from showface.data.mask_sets import MaskSource
from showface.errors import SettingError, unknown
from showface.recipes.base import base
from showface.recipes.compact import compact
from showface.recipes.deepfillv2 import deepfillv2
from showface.recipes.finetune import finetune
from showface.recipes.paper import paper_celebahq, paper_ffhq
from showface.recipes.pconv import pconv
from showface.recipes.smoke import smoke
from showface.training.configuration import Recipe

RecipeFunction = Callable[[tuple[FaceSource, ...], MaskSource], Recipe]

RECIPES: dict[str, RecipeFunction] = {
    "paper_celebahq": paper_celebahq,
    "paper_ffhq": paper_ffhq,
    "base": base,
    "compact": compact,
    "smoke": smoke,
    "finetune": finetune,
    "deepfillv2": deepfillv2,
    "pconv": pconv,
}


def recipe(name: str, faces: tuple[FaceSource, ...], masks: MaskSource) -> Recipe:
    """The recipe called `name` on these faces and masks."""
    if name not in RECIPES:
        raise SettingError(unknown("recipe", name, RECIPES))
    return RECIPES[name](faces, masks)
