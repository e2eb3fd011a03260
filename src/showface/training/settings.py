"""Changing single settings of a recipe by name: `coarse.steps=100`, `mdrnets.optimiser.lr=1e-4`, `networks.memory.slots=8`."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from typing import Any

from showface.errors import SettingError, unknown
from showface.training.configuration import Recipe


def with_settings(recipe: Recipe, settings: tuple[str, ...]) -> Recipe:
    """`recipe` with every NAME=VALUE applied; the first part of a name is a stage or a field of the recipe."""
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise SettingError(f"setting {setting!r}: expected NAME=VALUE, such as coarse.steps=100")
        recipe = _with_setting(recipe, name.split("."), _value(text))
    return recipe


def _with_setting(recipe: Recipe, path: list[str], value: Any) -> Recipe:
    stages = [stage.name for stage in recipe.stages]
    if path[0] in stages and len(path) > 1:
        changed = tuple(_changed(s, path[1:], value, path[0]) if s.name == path[0] else s for s in recipe.stages)
        return replace(recipe, stages=changed)
    own = ("networks", "reconstruction", "discriminator")
    if path[0] not in own or len(path) == 1:
        raise SettingError(unknown("setting", ".".join(path), [*(f"{s}.steps" for s in stages), *own]))
    result: Recipe = _changed(recipe, path, value, "recipe")
    return result


def _changed(node: Any, path: list[str], value: Any, where: str) -> Any:
    """A copy of the dataclass `node` with the field at `path` replaced by `value` of the same type."""
    names = [field.name for field in fields(node)]
    if path[0] not in names:
        raise SettingError(unknown(f"setting of {where}", path[0], names))
    old = getattr(node, path[0])
    if len(path) > 1:
        if not is_dataclass(old):
            raise SettingError(f"setting {where}.{path[0]} has no fields, found {'.'.join(path)}")
        return replace(node, **{path[0]: _changed(old, path[1:], value, f"{where}.{path[0]}")})
    return replace(node, **{path[0]: _typed(old, value, f"{where}.{path[0]}")})


def _typed(old: Any, value: Any, where: str) -> Any:
    if isinstance(old, tuple) and isinstance(value, list):
        return tuple(value)
    if isinstance(old, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(old):
        raise SettingError(f"setting {where}: expected {type(old).__name__} such as {old!r}, found {value!r}")
    return value


def _value(text: str) -> Any:
    """JSON where it is JSON, the text itself otherwise."""
    try:
        return json.loads(text)
    except ValueError:
        return text
