from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import os
import shutil
import sys
import types
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import nn

from showface import weights
from showface.configurations import to_plain
from showface.errors import MissingExtraError, NonFiniteError, WeightsError
from showface.networks.mdrnets import MDRNets, MDRNetsConfig
from showface.weights import build, building, load, save, writing

REFINEMENT = "refinement.safetensors"


@pytest.fixture
def folder(tiny_weights: Path, tmp_path: Path) -> Path:
    """A copy of the tiny weights that a test may damage."""
    return Path(shutil.copytree(tiny_weights, tmp_path / "weights"))


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def in_one_file(folder: Path, network: MDRNets) -> Path:
    """The network as showface 0.2.0 wrote it."""
    folder.mkdir(exist_ok=True)
    state, plain = writing._stored(network), to_plain(network.config)
    text = json.dumps(plain, sort_keys=True)
    facts = {"format": weights.SINGLE, "configuration": text, "sha256": weights.digest_of(text, state)}
    digest = weights.write_tensors(folder / weights.MODEL, state, facts)
    description = {"format": weights.SINGLE, "sha256": digest, "card": {}, "configuration": plain}
    (folder / weights.CONFIG).write_text(json.dumps(description))
    return folder


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
    with safe_open(folder / REFINEMENT, framework="pt") as content:
        assert content.get_tensor("memory.slots").dtype == torch.float32
    stored = {name: tensor for file in files_in(folder) for name, tensor in weights.read_tensors(file)[0].items()}
    assert all(stored[name].dtype == torch.float16 for name, _ in network.named_parameters())
    _, state = load(folder)
    for name, buffer in network.named_buffers():
        assert torch.equal(state[name], buffer), name


def test_saving_what_was_loaded_gives_the_same_files(folder: Path, tmp_path: Path) -> None:
    assert contents(save(tmp_path / "again", build(*load(folder)))) == contents(folder)


def test_every_box_and_every_field_lies_in_one_file(sourced_network: MDRNets) -> None:
    boxes = [box for part in weights.FILES.values() for box in part.boxes]
    fields = [field for part in weights.FILES.values() for field in part.fields]
    assert sorted(boxes) == sorted(name for name, _ in sourced_network.named_children())
    assert sorted(fields) == sorted(field.name for field in dataclasses.fields(MDRNetsConfig))


def test_sources_have_a_file_of_their_own(sourced_network: MDRNets, tiny_config: MDRNetsConfig, tmp_path: Path) -> None:
    folder = save(tmp_path, sourced_network)
    assert set(contents(folder)) == {*weights.FILES, weights.CONFIG}
    configuration, state = load(folder)
    assert configuration == sourced_network.config and state.keys() == sourced_network.state_dict().keys()
    save(folder, with_memory(tiny_config))  # which looks at none
    assert set(contents(folder)) == {*weights.FILES, weights.CONFIG} - {weights.ALIGNMENT}
    assert load(folder)[0] == tiny_config


def test_another_refinement_leaves_the_other_files_as_they_are(sourced_network: MDRNets, tmp_path: Path) -> None:
    before = contents(save(tmp_path, sourced_network))
    tuned = copy.deepcopy(sourced_network)
    with torch.no_grad():
        next(tuned.refinement.parameters()).add_(1)
    after = contents(save(tmp_path, tuned))
    assert [name for name in before if after[name] != before[name]] == [weights.CONFIG, REFINEMENT]


def test_config_json_names_each_file_by_its_hash(folder: Path) -> None:
    named = weights.read_description(folder)["sha256"]
    assert named == {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files_in(folder)}


def test_the_built_network_is_for_use_and_leaves_the_seed_alone(folder: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    network = build(*load(folder))
    assert torch.equal(torch.rand(2), expected)
    assert not network.training and not any(parameter.requires_grad for parameter in network.parameters())


def test_a_network_to_be_read_from_a_file_is_not_filled_at_random_before(tiny_network: MDRNets) -> None:
    before = torch.get_rng_state()
    with building._Unfilled():
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


def test_a_part_alone_is_refused(folder: Path) -> None:
    for file in files_in(folder):
        with pytest.raises(WeightsError, match=r"holds a part of a network only; name the folder"):
            load(file)


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


# ------------------------------------------------------------------ interrupted


def test_a_full_disk_leaves_the_old_weights(
    folder: Path, tiny_config: MDRNetsConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    before = contents(folder)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save(folder, with_memory(tiny_config))
    assert contents(folder) == before


class Killed(BaseException):
    pass


class Deadline:
    """Lets `left` changes of the disk happen; from then on the process is dead and changes nothing."""

    def __init__(self, left: int, patch: pytest.MonkeyPatch) -> None:
        self.left = left
        for owner, name in ((os, "fsync"), (os, "replace"), (Path, "unlink"), (Path, "open")):
            patch.setattr(owner, name, self.counted(getattr(owner, name)))

    def counted(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def change(*given: Any, **named: Any) -> Any:
            if act.__name__ != "open" or "x" in str(given[1:]):
                self.left -= 1
                if self.left < 0:
                    raise Killed
            return act(*given, **named)

        return change


def killed_saves(folder: Path, network: MDRNets) -> Iterator[Path]:
    """`folder` after a save that was killed before its first change of the disk, its second, up to the last."""
    for left in range(1000):
        target = Path(shutil.copytree(folder, folder.with_name(f"{folder.name} {left}")))
        with pytest.MonkeyPatch.context() as patch:
            Deadline(left, patch)
            try:
                save(target, network)
            except Killed:
                pass
            else:
                return
        yield target


def is_state_of(network: MDRNets, folder: Path) -> bool:
    _, state = load(folder)
    own = network.state_dict()
    return state.keys() == own.keys() and all(torch.allclose(state[name], own[name], atol=2e-3) for name in own)


@pytest.mark.parametrize("older", ["several files", "one file", "other boxes", "a killed save"])
def test_whenever_a_save_is_killed_the_old_or_the_new_weights_are_there(
    older: str, tiny_config: MDRNetsConfig, sourced_network: MDRNets, tmp_path: Path
) -> None:
    old = sourced_network if older == "other boxes" else with_memory(tiny_config)
    new = with_memory(tiny_config)
    folder = in_one_file(tmp_path / "old", old) if older == "one file" else save(tmp_path / "old", old)
    if older == "a killed save":  # with files that still wait, though config.json names them
        old = with_memory(tiny_config)
        folder = next(left for left in killed_saves(folder, old) if is_state_of(old, left))
        assert any("-" in file.name for file in files_in(folder))
    found = []
    for left in killed_saves(folder, new):
        assert weights.holds_weights(left)
        found.append("new" if is_state_of(new, left) else "old" if is_state_of(old, left) else "neither")
        save(left, new)
        weights.remove_parts(left)
        assert is_state_of(new, left) and set(contents(left)) == {*weights.FILES, weights.CONFIG} - {weights.ALIGNMENT}
    assert found == sorted(found, reverse=True) and {"old", "new"} == set(found)


@pytest.mark.parametrize("kind", ["nothing", "junk", "paths", "numbers"])
def test_a_first_save_that_fails_leaves_nothing_half(
    kind: str, tmp_path: Path, tiny_network: MDRNets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever config.json was there says: it moves no file out of the folder."""
    hashes = {"../x.safetensors": "a" * 64} if kind == "paths" else dict.fromkeys(weights.FILES, 7)
    text = "{" if kind == "junk" else json.dumps({"format": weights.FORMAT, "sha256": hashes})
    if kind != "nothing":
        (tmp_path / weights.CONFIG).write_text(text)
    before, write_whole = contents(tmp_path), writing.write_whole

    def no_config(path: Path, content: bytes) -> None:
        if path.name == weights.CONFIG:
            raise OSError(28, "No space left on device")
        write_whole(path, content)

    monkeypatch.setattr(writing, "write_whole", no_config)
    with pytest.raises(OSError, match="No space"):
        save(tmp_path, tiny_network)
    assert contents(tmp_path) == before


# ------------------------------------------------------------------ what 0.2.0 wrote


def test_the_one_file_of_before_is_loaded_with_its_folder_and_alone(tiny_network: MDRNets, tmp_path: Path) -> None:
    folder = in_one_file(tmp_path, tiny_network)
    assert weights.holds_weights(folder) and is_state_of(tiny_network, folder)
    assert load(folder)[0] == load(folder / weights.MODEL)[0] == tiny_network.config
    (folder / weights.CONFIG).unlink()
    assert is_state_of(tiny_network, folder / weights.MODEL)
    with pytest.raises(WeightsError, match=r"config\.json: No such file"):
        load(folder)


def test_a_save_over_the_one_file_of_before_replaces_it(tiny_network: MDRNets, tmp_path: Path) -> None:
    folder = in_one_file(tmp_path, tiny_network)
    (folder / "README.md").write_text("mine")
    save(folder, tiny_network)
    expected = {*weights.FILES, weights.CONFIG, "README.md"} - {weights.ALIGNMENT}
    assert set(contents(folder)) == expected and is_state_of(tiny_network, folder)


def test_the_bundled_release_is_loaded() -> None:
    configuration, state = load(weights.bundled())
    assert build(configuration, state).config == configuration


def test_no_file_is_larger_than_the_one_of_before(tiny_network: MDRNets, folder: Path, tmp_path: Path) -> None:
    before = (in_one_file(tmp_path, tiny_network) / weights.MODEL).stat().st_size
    assert max(file.stat().st_size for file in files_in(folder)) < before


# ------------------------------------------------------------------ sources


def test_missing_sources_are_said(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such file; expected a folder with"):
        load(tmp_path / "nowhere")
    with pytest.raises(WeightsError, match=r"config\.json: No such file"):
        load(tmp_path)
    assert not weights.holds_weights(tmp_path) and not weights.holds_weights(tmp_path / "nowhere")


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


@pytest.mark.parametrize("kind", ["several files", "one file"])
def test_the_hub_is_asked_for_every_file(
    kind: str, sourced_network: MDRNets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = (save if kind == "several files" else in_one_file)(tmp_path / "hub", sourced_network)
    (there / "README.md").write_text("not needed")

    def answer(name: str, allow_patterns: list[str]) -> str:
        (tmp_path / "cache").mkdir()
        for path in there.iterdir():
            if any(fnmatch(path.name, pattern) for pattern in allow_patterns):
                shutil.copy(path, tmp_path / "cache")
        return str(tmp_path / "cache")

    monkeypatch.setitem(sys.modules, "huggingface_hub", fake_hub(answer))
    fetched = weights.fetch("some/model")
    assert is_state_of(sourced_network, fetched) and not (fetched / "README.md").exists()


@pytest.mark.parametrize("error", [HubError("404\nmore"), OSError("offline"), ValueError("bad id")])
def test_a_failed_download_says_where_to_put_the_files(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def answer(name: str, allow_patterns: list[str]) -> str:
        raise error

    monkeypatch.setitem(sys.modules, "huggingface_hub", fake_hub(answer))
    with pytest.raises(WeightsError, match=r"cannot be fetched \((404|offline|bad id)\); fetch config\.json and the"):
        weights.fetch("some/model")


@pytest.mark.parametrize("single", [False, True])
def test_which_boxes_weights_hold_is_read_from_the_heads_of_their_files(
    folder: Path, tiny_network: MDRNets, monkeypatch: pytest.MonkeyPatch, single: bool
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("tensors were read")

    place = in_one_file(folder.with_name("single"), tiny_network) if single else folder
    monkeypatch.setattr(weights, "read_tensors", never)
    expected = {name.split(".")[0] for name in tiny_network.state_dict()}
    assert weights.boxes_in(place) == expected >= {"coarse", "parser", "refinement"}
    (place / (weights.MODEL if single else REFINEMENT)).write_bytes(b"no weights")
    with pytest.raises(WeightsError, match=r"\.safetensors: missing, damaged, or not safetensors"):
        weights.boxes_in(place)
