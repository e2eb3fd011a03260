from __future__ import annotations

import dataclasses
import json
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
import torch
from safetensors import safe_open
from torch import nn

from showface import weights
from showface.errors import MissingExtraError, NonFiniteError, SettingError, WeightsError
from showface.networks.mdrnets import MDRNets, MDRNetsConfig
from showface.networks.profiles import PROFILES
from showface.weights import build, differences, from_plain, load, save, to_plain


@pytest.fixture
def folder(tiny_weights: Path, tmp_path: Path) -> Path:
    """A copy of the tiny weights that a test may damage."""
    target = tmp_path / "weights"
    target.mkdir()
    for name in (weights.MODEL, weights.CONFIG):
        (target / name).write_bytes((tiny_weights / name).read_bytes())
    return target


def with_memory(config: MDRNetsConfig) -> MDRNets:
    """A network whose memory holds something, as after training."""
    network = MDRNets(config)
    network.memory.slots.normal_()
    network.memory.initialised.fill_(True)
    network.memory.usage.fill_(3)
    return network.eval()


# ------------------------------------------------------------------ there and back


def test_everything_comes_back(tiny_config: MDRNetsConfig, tmp_path: Path) -> None:
    network = with_memory(tiny_config)
    configuration, state = load(save(tmp_path / "new" / "folder", network))
    assert configuration == tiny_config
    assert state.keys() == network.state_dict().keys()
    for name, tensor in network.state_dict().items():
        assert state[name].dtype == tensor.dtype, name
        assert torch.allclose(state[name], tensor, rtol=1e-3, atol=1e-6) if tensor.is_floating_point() else True


def test_buffers_are_stored_exactly_and_parameters_halved(tiny_config: MDRNetsConfig, tmp_path: Path) -> None:
    network = with_memory(tiny_config)
    folder = save(tmp_path, network)
    with safe_open(folder / weights.MODEL, framework="pt") as content:
        assert content.get_tensor("memory.slots").dtype == torch.float32
        for name, _ in network.named_parameters():
            assert content.get_tensor(name).dtype == torch.float16, name
    _, state = load(folder)
    for name, buffer in network.named_buffers():
        assert torch.equal(state[name], buffer), name


def test_saving_what_was_loaded_gives_the_same_file(folder: Path, tmp_path: Path) -> None:
    again = save(tmp_path / "again", build(*load(folder)))
    assert (again / weights.MODEL).read_bytes() == (folder / weights.MODEL).read_bytes()


def test_the_built_network_is_for_use_and_leaves_the_seed_alone(folder: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    network = build(*load(folder))
    assert torch.equal(torch.rand(2), expected)
    assert not network.training and not any(parameter.requires_grad for parameter in network.parameters())


def test_a_network_to_be_read_from_a_file_is_not_filled_at_random_before(tiny_network: MDRNets) -> None:
    before = torch.get_rng_state()
    with weights._Unfilled():
        type(tiny_network.coarse)(tiny_network.config.coarse)
        nn.Linear(3, 4).weight.normal_()
    assert torch.equal(torch.get_rng_state(), before)
    type(tiny_network.coarse)(tiny_network.config.coarse)
    assert not torch.equal(torch.get_rng_state(), before)


def test_what_is_built_twice_is_the_same_in_every_parameter_and_buffer(folder: Path) -> None:
    configuration, state = load(folder)
    one, other = build(configuration, state), build(configuration, state)
    for (name, value), again in zip(
        [*one.named_parameters(), *one.named_buffers()], [*other.parameters(), *other.buffers()], strict=True
    ):
        assert torch.equal(value, again), name


def test_the_file_alone_can_be_loaded(folder: Path) -> None:
    alone = folder / weights.MODEL
    (folder / weights.CONFIG).unlink()
    configuration, state = load(alone)
    assert configuration == load(alone)[0] and state
    with pytest.raises(WeightsError, match=r"config\.json"):
        load(folder)


def test_the_card_is_kept_for_people(tiny_network: MDRNets, tmp_path: Path) -> None:
    save(tmp_path, tiny_network, card={"terms": "research"})
    assert weights.read_description(tmp_path)["card"] == {"terms": "research"}
    load(tmp_path)


def test_nothing_is_written_of_a_broken_network(tiny_config: MDRNetsConfig, tmp_path: Path) -> None:
    network = MDRNets(tiny_config)
    with torch.no_grad():
        next(network.style_encoder.parameters()).fill_(torch.nan)
    with pytest.raises(NonFiniteError, match=r"style_encoder\..* holds NaN"):
        save(tmp_path / "new", network)
    assert not (tmp_path / "new").exists()


def test_an_interrupted_save_leaves_the_old_weights(
    folder: Path, tiny_config: MDRNetsConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    before = sorted((path.name, path.read_bytes()) for path in folder.iterdir())
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save(folder, with_memory(tiny_config))
    assert sorted((path.name, path.read_bytes()) for path in folder.iterdir()) == before


def test_missing_sources_are_said(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such file; expected a folder with"):
        load(tmp_path / "nowhere")
    with pytest.raises(WeightsError, match="no such file"):
        load(tmp_path)


# ------------------------------------------------------------------ the hub


def test_the_hub_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"showface\[hub\]"):
        weights.fetch("some/model")


class HubError(Exception):
    pass


def fake_hub(answer: Callable[..., str]) -> types.ModuleType:
    hub = types.ModuleType("huggingface_hub")
    hub.snapshot_download = answer  # type: ignore[attr-defined]
    hub.errors = types.SimpleNamespace(HfHubHTTPError=HubError)  # type: ignore[attr-defined]
    return hub


def test_the_hub_gives_a_folder(monkeypatch: pytest.MonkeyPatch, tiny_weights: Path) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake_hub(lambda name, allow_patterns: str(tiny_weights)))
    assert weights.fetch("some/model") == tiny_weights


@pytest.mark.parametrize("error", [HubError("404\nmore"), OSError("offline"), ValueError("bad id")])
def test_a_failed_download_says_where_to_put_the_files(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def answer(name: str, allow_patterns: list[str]) -> str:
        raise error

    monkeypatch.setitem(sys.modules, "huggingface_hub", fake_hub(answer))
    with pytest.raises(WeightsError, match=r"cannot be fetched \((404|offline|bad id)\); fetch model\.safetensors"):
        weights.fetch("some/model")


# ------------------------------------------------------------------ configurations


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
