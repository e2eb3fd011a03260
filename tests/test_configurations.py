"""Configurations through JSON: what does not fit is named; what older versions wrote is read, or refused by name."""

from __future__ import annotations

import dataclasses
import json
import typing
from pathlib import Path
from typing import Any, Literal

import pytest

from showface.configurations import RETIRED, As, differences, from_plain, to_plain
from showface.data.batches import DataConfig
from showface.errors import SettingError
from showface.losses.configuration import LossWeights, ObjectiveOptions
from showface.networks.coarse import CoarseConfig
from showface.networks.disentangled_memory import MemoryConfig
from showface.networks.guided_refinement import GuidedRefinementConfig
from showface.networks.mask_region_enhanced import MaskRegionConfig
from showface.networks.mdrnets import MDRNetsConfig
from showface.networks.profiles import PROFILES
from showface.training.configuration import Recipe, StageConfig
from showface.training.settings import with_settings

RELEASES: dict[str, Any] = json.loads(Path(__file__).with_name("older_configurations.json").read_text())
KINDS = {
    kind.__name__: kind
    for kind in (
        MDRNetsConfig, CoarseConfig, MemoryConfig, MaskRegionConfig, GuidedRefinementConfig, DataConfig, LossWeights,
        ObjectiveOptions, StageConfig,
    )
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_every_profile_goes_through_json(name: str) -> None:
    configuration = PROFILES[name]()
    assert from_plain(MDRNetsConfig, json.loads(json.dumps(to_plain(configuration)))) == configuration


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inner:
    sides: tuple[int, ...] = (1, 2)
    pair: tuple[int, float] = (1, 0.5)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outer:
    inner: Inner = dataclasses.field(default_factory=Inner)
    maybe: Inner | None = None
    mode: Literal["a", "b"] = "a"
    rate: float = 0.5
    on: bool = True
    count: int
    name: str = ""


def test_a_configuration_of_every_kind_of_field() -> None:
    outer = Outer(inner=Inner(sides=(4,)), maybe=Inner(pair=(3, 2.5)), mode="b", rate=2.0, on=False, count=7, name="x")
    assert from_plain(Outer, to_plain(outer)) == outer
    assert from_plain(Outer, {"count": 1, "rate": 2}) == Outer(count=1, rate=2.0)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (7, "Outer: expected fields and values"),
        ({}, "Outer: expected a value for count"),
        ({"count": 1.5}, "count: expected int, got 1.5"),
        ({"count": True}, "count: expected int, got True"),
        ({"count": 1, "on": 1}, "on: expected bool, got 1"),
        ({"count": 1, "rate": "fast"}, "rate: expected float, got 'fast'"),
        ({"count": 1, "mode": "c"}, "mode: expected .*'a', 'b'.*, got 'c'"),
        ({"count": 1, "inner": {"sides": [1, "2"]}}, r"inner\.sides\[1\]: expected int, got '2'"),
        ({"count": 1, "inner": {"pair": [1]}}, r"inner\.pair: expected .*, got \[1\]"),
        ({"count": 1, "inner": None}, "inner: expected fields and values, got None"),
        ({"count": 1, "inner": {"side": [1]}}, "unknown field of inner 'side'; did you mean 'sides'"),
    ],
)
def test_what_does_not_fit_is_named(values: object, reason: str) -> None:
    with pytest.raises(SettingError, match=reason):
        from_plain(Outer, values)


def test_differences_name_the_field_and_both_values() -> None:
    one, other = Outer(count=1), Outer(count=2, inner=Inner(sides=(3,)), maybe=Inner())
    assert differences(one, one) == []
    lines = differences(one, other)
    assert "count is 2, expected 1" in lines and "inner.sides is [3], expected [1, 2]" in lines
    assert any(line.startswith("maybe") for line in lines)


# ------------------------------------------------------------------ older versions


@pytest.mark.parametrize("release", ["r1", "r3 to r18"])
def test_older_releases_are_read(release: str) -> None:
    written = RELEASES[release]
    found = from_plain(MDRNetsConfig, written)
    for box in ("coarse", "style", "memory", "mask_region", "refinement"):
        told, now = written[box], to_plain(getattr(found, box))
        assert all(now[name] == told[name] for name in told.keys() & now.keys()), box
    assert found.coarse.fill == ("none" if release == "r1" else "input") and found.sources is None


def test_the_release_with_a_gate_is_refused_by_name() -> None:
    with pytest.raises(SettingError, match=r"coarse\.fill is 'harmonic', which 0\.2\.0 was the last version to have; "):
        from_plain(MDRNetsConfig, RELEASES["r2"])


@pytest.mark.parametrize("name", RETIRED)
def test_a_retired_setting_may_say_what_is_always_so_and_nothing_else(name: str) -> None:
    class_name, field = name.split(".")
    kind = KINDS[class_name]
    left = {each.name for each in dataclasses.fields(kind)}
    needed = {"name": "coarse", "steps": 1} if kind is StageConfig else {}
    if field in left:  # it lost a value only
        assert set(typing.get_args(typing.get_type_hints(kind)[field])) == set(RETIRED[name])
    for accepted in RETIRED[name]:
        value = False if isinstance(accepted, As) else accepted
        more = {"ones": True} if field == "fill" else needed
        assert getattr(from_plain(kind, {**more, field: value}), field, value) == value
    for wrong in ("z", 1.5, None):
        with pytest.raises(
            SettingError, match=rf"^here\.{field} is {wrong!r}, which 0\.2\.0 was the last .* to have; exp"
        ):
            from_plain(kind, {**needed, field: wrong}, name="here")


@pytest.mark.parametrize("field", ["mask_keys", "value_convolution"])
def test_what_details_decide_now_must_have_been_decided_so(field: str) -> None:
    for details in (True, False):
        assert from_plain(MaskRegionConfig, {"details": details, field: details}).details is details
        with pytest.raises(
            SettingError, match=f"MaskRegionConfig.{field} is {not details}, which .*expected {details},"
        ):
            from_plain(MaskRegionConfig, {"details": details, field: not details})


def test_a_recipe_of_before_is_read(tiny_recipe: Recipe) -> None:
    """With every field that is gone, in all its stages."""
    plain = to_plain(tiny_recipe)
    for name, (accepted, *_) in RETIRED.items():
        class_name, field = name.split(".")
        homes = {
            "MDRNetsConfig": [plain["networks"]], "CoarseConfig": [plain["networks"]["coarse"]],
            "MemoryConfig": [plain["networks"]["memory"]], "MaskRegionConfig": [plain["networks"]["mask_region"]],
            "GuidedRefinementConfig": [plain["networks"]["refinement"]], "StageConfig": plain["stages"],
            "DataConfig": [stage["data"] for stage in plain["stages"]],
            "LossWeights": [stage["weights"] for stage in plain["stages"]],
            "ObjectiveOptions": [stage["options"] for stage in plain["stages"]],
        }  # fmt: skip
        for home in homes[class_name]:
            home.setdefault(field, home["details"] if isinstance(accepted, As) else accepted)
    assert from_plain(Recipe, plain) == tiny_recipe


def test_a_retired_setting_of_the_command_line_is_told_from_a_slip(tiny_recipe: Recipe) -> None:
    assert with_settings(tiny_recipe, ("coarse.half_size_steps=0", "networks.memory.read_mode=soft")) == tiny_recipe
    with pytest.raises(SettingError, match=r"coarse\.half_size_steps is 2, which 0\.2\.0 was the last version to have"):
        with_settings(tiny_recipe, ("coarse.half_size_steps=2",))
    with pytest.raises(SettingError, match=r"networks\.coarse\.fill is 'harmonic', which 0\.2\.0 was the last"):
        with_settings(tiny_recipe, ("networks.coarse.fill=harmonic",))
    with pytest.raises(SettingError, match="unknown setting of coarse 'half_size'"):
        with_settings(tiny_recipe, ("coarse.half_size=2",))
