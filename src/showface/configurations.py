"""Configurations as plain values and back: what weights, recipes and checkpoints say they were made with.

What older versions wrote is still read: absent fields take their default, and fields that exist no more are left out
where they say what is now always so.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from showface.errors import SettingError, unknown

ConfigT = TypeVar("ConfigT")


class As(NamedTuple):
    """The value that another field of the same configuration has."""

    field: str


LAST = "0.2.0"  # the last version in which the fields below could have other values
RETIRED: dict[str, tuple[object, ...]] = {
    "MDRNetsConfig.class_map": ("A",),
    "CoarseConfig.fill": ("none", "input"),
    "MemoryConfig.init": ("data",),
    "MemoryConfig.read_mode": ("soft",),
    "MaskRegionConfig.mask_keys": (As("details"),),
    "MaskRegionConfig.value_convolution": (As("details"),),
    "GuidedRefinementConfig.spade_norm": ("position",),
    "DataConfig.class_map": ("A",),
    "LossWeights.feature_matching": (0,),
    "ObjectiveOptions.semantic_on": ("all",),
    "ObjectiveOptions.r1": (0,),
    "StageConfig.half_size_steps": (0,),
    "StageConfig.unclear": ("blurred",),
}
"""What files may still say of settings that are gone, or have lost a value."""


def to_plain(config: object) -> dict[str, Any]:
    """A configuration dataclass, with those inside it, as values that JSON can hold."""
    assert dataclasses.is_dataclass(config) and not isinstance(config, type)
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))
    return plain


def from_plain(kind: type[ConfigT], values: object, *, name: str = "") -> ConfigT:
    """The configuration of class `kind` from plain `values`, field by field; absent fields take their default.

    An unknown field or a value of another type is a `SettingError` that names it; `name` is what it is called there.
    """
    called = name or kind.__name__
    if not isinstance(values, dict):
        raise SettingError(f"{called}: expected fields and values, got {values!r}")
    values = without_retired(kind, values, name=name)
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(typing.cast(Any, kind)) if field.init}
    for field in values:
        if field not in fields:
            raise SettingError(unknown(f"field of {called}", str(field), fields))
    for field in fields.keys() - values.keys():
        if fields[field].default is fields[field].default_factory is dataclasses.MISSING:
            raise SettingError(f"{called}: expected a value for {field}, got none")
    return kind(**{field: typed(hints[field], values[field], f"{name}.{field}".lstrip(".")) for field in values})


def typed(hint: Any, value: object, name: str) -> Any:
    """`value`, read from JSON, as the type `hint`: a scalar, Literal, tuple, union or configuration."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return from_plain(typing.cast(type[Any], hint), value, name=name)
    if origin in (typing.Union, types.UnionType):
        exact = [argument for argument in arguments if type(value) is argument]
        return value if exact else typed(arguments[0], value, name)
    if origin is typing.Literal and value in arguments:
        return value
    if origin is tuple and isinstance(value, list):
        repeated = len(arguments) == 2 and arguments[1] is ...
        parts = [arguments[0]] * len(value) if repeated else list(arguments)
        if len(parts) == len(value):
            return tuple(typed(parts[i], item, f"{name}[{i}]") for i, item in enumerate(value))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and type(value) is hint:
        return value
    raise SettingError(f"{name}: expected {hint.__name__ if isinstance(hint, type) else hint}, got {value!r}")


def differences(expected: object, found: object) -> list[str]:
    """One line per field in which two configurations differ, as `style.channels is 128, expected 64`."""
    one, other = dict(_leaves("", to_plain(expected))), dict(_leaves("", to_plain(found)))
    return [
        f"{name} is {other.get(name, 'absent')}, expected {one.get(name, 'absent')}"
        for name in sorted(one.keys() | other.keys())
        if one.get(name, "absent") != other.get(name, "absent")
    ]


def _leaves(prefix: str, values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", value


def without_retired(kind: type, values: Mapping[str, object], *, name: str = "") -> dict[str, object]:
    """`values` of a configuration of class `kind` without the fields that it no longer has.

    A `SettingError` names the field where it has a value that is `RETIRED`.
    """
    fields = {field.name for field in dataclasses.fields(kind)}
    for field, value in values.items():
        allowed = RETIRED.get(f"{kind.__name__}.{field}", (value,))
        allowed = tuple(values.get(other.field, False) if isinstance(other, As) else other for other in allowed)
        if value not in allowed:
            called = f"{name or kind.__name__}.{field}"
            raise SettingError(
                f"{called} is {value!r}, which {LAST} was the last version to have; "
                f"expected {' or '.join(map(repr, allowed))}, or use that version"
            )
    return {
        field: value for field, value in values.items() if field in fields or f"{kind.__name__}.{field}" not in RETIRED
    }
