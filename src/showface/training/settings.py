"""Changing single settings of a recipe by name.

`coarse.steps=100`, `mdrnets.optimiser.lr=1e-4`, `networks.memory.slots=8`: the first word is a stage, or a field of the
recipe; values are JSON, or text without quotation marks.
"""

from __future__ import annotations

import json
from dataclasses import is_dataclass, replace
from typing import Any, TypeVar, get_type_hints

from showface.configurations import typed, without_retired
from showface.errors import SettingError, unknown
from showface.training.configuration import Recipe

OWN = ("networks", "baseline", "reconstruction", "discriminator", "projected")  # fields of the recipe that can be set
NodeT = TypeVar("NodeT")


def with_settings(recipe: Recipe, settings: tuple[str, ...]) -> Recipe:
    """`recipe` with every NAME=VALUE applied, in order."""
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise SettingError(f"setting {setting!r}: expected NAME=VALUE, such as coarse.steps=100")
        recipe = _with_setting(recipe, name.split("."), _value(text))
    return recipe


def with_cache(recipe: Recipe, folder: str) -> Recipe:
    """`recipe` with the decoded pictures of all its stages kept in one folder."""
    stages = (replace(stage, data=replace(stage.data, cache=folder)) for stage in recipe.stages)
    return replace(recipe, stages=tuple(stages))


def with_same_person(recipe: Recipe, table: str) -> Recipe:
    """`recipe` whose stages with views of a person take them from `table`, too; an error if it has none."""
    if not any(stage.data.views for stage in recipe.stages):
        raise SettingError(f"recipe {recipe.name} learns from no other pictures of a person; leave --same-person out")
    stages = (
        replace(stage, data=replace(stage.data, same_person=table)) if stage.data.views else stage
        for stage in recipe.stages
    )
    return replace(recipe, stages=tuple(stages))


def _with_setting(recipe: Recipe, path: list[str], value: object) -> Recipe:
    stages = [stage.name for stage in recipe.stages]
    first, rest = path[0], path[1:]
    if first not in (*stages, *OWN):
        raise SettingError(unknown("stage or field of the recipe", first, (*stages, *OWN)))
    if first in stages:
        changed = [_changed(s, rest, value, first) if s.name == first else s for s in recipe.stages]
        return replace(recipe, stages=tuple(changed))
    return _changed(recipe, path, value, "")


def _changed(node: NodeT, path: list[str], value: object, where: str) -> NodeT:
    """A copy of the configuration `node` with the field at `path` set to `value`, which must be of its type."""
    hints: dict[str, Any] = get_type_hints(type(node)) if is_dataclass(node) else {}
    if not path:
        raise SettingError(f"setting {where}: expected one of its fields, such as {where}.{next(iter(hints))}")
    if len(path) == 1 and is_dataclass(node):
        kept = without_retired(type(node), vars(node) | {path[0]: value}, name=where)
        if path[0] not in kept:  # it says what is always so
            return node
    if path[0] not in hints:
        raise SettingError(unknown(f"setting of {where or 'the recipe'}", path[0], hints))
    name, old = f"{where}.{path[0]}".lstrip("."), getattr(node, path[0])
    if len(path) == 1:
        return _with(node, path[0], typed(hints[path[0]], value, name))
    if not is_dataclass(old):
        raise SettingError(f"setting {name}: expected a value, it has no field {path[1]!r}")
    return _with(node, path[0], _changed(old, path[1:], value, name))


def _with(node: NodeT, field: str, value: object) -> NodeT:
    configuration: Any = node
    changed: NodeT = replace(configuration, **{field: value})
    return changed


def _value(text: str) -> object:
    """JSON where it is JSON, the text itself otherwise."""
    try:
        parsed: object = json.loads(text)
    except ValueError:
        return text
    return parsed
