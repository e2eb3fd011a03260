from __future__ import annotations

import dataclasses
import json
import os
import pickle
import struct
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

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


# ------------------------------------------------------------------ damage


def header_of(content: bytes) -> tuple[dict[str, Any], bytes]:
    size = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def with_header(header: dict[str, Any], body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def overlapping(content: bytes) -> bytes:
    header, body = header_of(content)
    first, second = [name for name in header if name != "__metadata__"][:2]
    header[second]["data_offsets"] = header[first]["data_offsets"]
    return with_header(header, body)


def claiming_a_terabyte(content: bytes) -> bytes:
    header, body = header_of(content)
    name = next(name for name in header if name != "__metadata__")
    header[name] |= {"shape": [2**39], "data_offsets": [0, 2**40]}
    return with_header(header, body)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "truncated": lambda content: content[:-1],
    "only a header": lambda content: content[:100],
    "huge header": lambda content: struct.pack("<Q", 2**62) + content[8:],
    "overlapping": overlapping,
    "a terabyte": claiming_a_terabyte,
    "junk": lambda content: struct.pack("<Q", 4) + b"{{{{",
    "not an object": lambda content: struct.pack("<Q", 2) + b"[]",
    "text": lambda content: b"these are no weights",
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_refused_with_file_and_cure(folder: Path, kind: str) -> None:
    file = folder / weights.MODEL
    file.write_bytes(DAMAGE[kind](file.read_bytes()))
    for source in (file, folder):
        with pytest.raises(WeightsError, match=r"model\.safetensors: damaged.*fetch or export"):
            load(source)


def test_every_flipped_byte_is_noticed(folder: Path) -> None:
    file = folder / weights.MODEL
    whole = file.read_bytes()
    for place in range(0, len(whole), len(whole) // 60):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        for source in (file, folder):
            with pytest.raises(WeightsError):
                load(source)


def test_an_altered_number_is_refused_by_its_hash(folder: Path) -> None:
    file = folder / weights.MODEL
    whole = bytearray(file.read_bytes())
    whole[-1] ^= 1
    file.write_bytes(whole)
    with pytest.raises(WeightsError, match="do not have the sha256"):
        load(file)
    with pytest.raises(WeightsError, match=r"expected sha256 .* found"):
        load(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": "other"}', "[" * 100_000])
def test_junk_in_config_json_is_refused(folder: Path, text: str) -> None:
    (folder / weights.CONFIG).write_text(text)
    with pytest.raises(WeightsError, match=r"config\.json: expected"):
        load(folder)


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / weights.CONFIG
    description = json.loads(path.read_text())
    change(description["configuration"])
    path.write_text(json.dumps(description))


def test_a_changed_configuration_names_the_field(folder: Path) -> None:
    edit(folder, lambda configuration: configuration["memory"].update(temperature=0.25))
    with pytest.raises(WeightsError, match=r"altered: memory\.temperature is 0\.25, expected 1\.0"):
        load(folder)


def test_an_unknown_field_names_the_nearest(folder: Path) -> None:
    edit(folder, lambda configuration: configuration["memory"].update(temprature=0.25))
    with pytest.raises(WeightsError, match="unknown field of memory 'temprature'; did you mean 'temperature'"):
        load(folder)


def test_a_contradiction_in_a_configuration_is_refused(folder: Path) -> None:
    edit(folder, lambda configuration: configuration["memory"].update(channels=9))
    with pytest.raises(WeightsError, match=r"memory\.channels is 9, expected style\.channels = 8"):
        load(folder)


def test_weights_of_another_width_name_the_box_not_200_keys(tiny_config: MDRNetsConfig, folder: Path) -> None:
    _, state = load(folder)
    wider = dataclasses.replace(tiny_config, memory=dataclasses.replace(tiny_config.memory, slots=5))
    with pytest.raises(
        WeightsError, match=r"configuration of memory: memory\.idle is 14 x 4, expected 14 x 5"
    ) as error:
        build(wider, state)
    assert "\n" not in str(error.value) and len(str(error.value)) < 250


def test_missing_and_extra_tensors(tiny_config: MDRNetsConfig, folder: Path) -> None:
    _, state = load(folder)
    slots = state.pop("memory.slots")
    with pytest.raises(WeightsError, match=r"memory\.slots is not there, expected 14 x 4 x 8"):
        build(tiny_config, state)
    with pytest.raises(WeightsError, match=r"wings\.left is 14 x 4 x 8, expected not there"):
        build(tiny_config, state | {"memory.slots": slots, "wings.left": slots})


def test_other_safetensors_are_refused(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match="expected safetensors written by showface as 'showface-1'"):
        load(tmp_path / "other.safetensors")


def test_nan_in_a_file_is_refused(tiny_config: MDRNetsConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = MDRNets(tiny_config)
    with torch.no_grad():
        next(network.refinement.parameters()).fill_(torch.inf)
    with monkeypatch.context() as patch:
        patch.setattr(weights, "_not_finite", lambda state: None)
        save(tmp_path, network)
    with pytest.raises(WeightsError, match=r"refinement\..* holds NaN or infinity"):
        load(tmp_path)


class Bomb:
    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return (os.mkdir, (str(self.sentinel),))


@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.ckpt", "w.bin", "w.PKL", "w.safetensors", "model.safetensors"])
def test_pickles_are_never_loaded(tmp_path: Path, name: str) -> None:
    sentinel = tmp_path / "it ran"
    (tmp_path / name).write_bytes(pickle.dumps(Bomb(sentinel)))
    with pytest.raises(WeightsError):
        load(tmp_path / name)
    assert not sentinel.exists()


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
