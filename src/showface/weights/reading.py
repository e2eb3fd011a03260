"""Reads weights, checked against their hashes. Pickles are never read.

A reader takes the waiting file of the digest that config.json names, if there is one (see `writing`). What showface
0.2.0 wrote, all tensors in one model.safetensors, is still loaded, the file alone as well.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from showface.configurations import differences, from_plain
from showface.errors import SettingError, WeightsError
from showface.networks.mdrnets import MDRNetsConfig
from showface.weights.layout import CONFIG, CURE, FORMAT, MODEL, SINGLE, files_of, waiting_file
from showface.weights.tensors import State, digest_of, not_finite, read_tensors, tensor_names

PICKLES = (".pt", ".pth", ".ckpt", ".bin", ".pkl", ".pickle")
SHA256 = re.compile(r"[0-9a-f]{64}")


def load(source: str | os.PathLike[str], device: str | torch.device = "cpu") -> tuple[MDRNetsConfig, State]:
    """The configuration and the state (float32) in a folder or in one file of 0.2.0, checked against their hashes.

    Raises `WeightsError` for a file that is missing, damaged, altered, of another kind, or holds NaN.
    """
    path = Path(source)
    if path.is_dir():
        return _from_folder(path, device)
    if path.suffix.lower() in PICKLES:
        raise WeightsError(f"{path}: expected .safetensors, found {path.suffix}; pickles run code and are never loaded")
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; expected a folder with {CONFIG}, or a .safetensors file")
    values, state = _opened(path, SINGLE)
    return _configuration(path, values), _usable(path, state, device)


def _from_folder(folder: Path, device: str | torch.device) -> tuple[MDRNetsConfig, State]:
    description = read_description(folder)
    configuration = _configuration(folder / CONFIG, description.get("configuration"))
    values: dict[str, Any] = {}
    state: State = {}
    for name, digest in _hashes(folder / CONFIG, description, configuration).items():
        file = _standing(folder / name, digest)
        _check(file, digest)
        part, tensors = _opened(file, description["format"])
        values |= part
        state |= _usable(file, tensors, device)
    if (found := _configuration(folder, values)) != configuration:
        raise WeightsError(f"{folder}: {CONFIG} was altered: {'; '.join(differences(found, configuration))}")
    return configuration, state


def boxes_in(folder: Path) -> frozenset[str]:
    """The boxes of `MDRNets` that the weights in `folder` hold tensors of; only the heads of its files are read."""
    description = read_description(folder)
    hashes = _hashes(folder / CONFIG, description, _configuration(folder / CONFIG, description.get("configuration")))
    files = (_standing(folder / name, digest) for name, digest in hashes.items())
    return frozenset(name.split(".")[0] for file in files for name in tensor_names(file))


def _standing(file: Path, digest: str) -> Path:
    """Where the `file` of the sha256 `digest` lies now."""
    waiting = waiting_file(file, digest)
    return waiting if waiting.is_file() else file


def _hashes(path: Path, description: Mapping[str, Any], configuration: MDRNetsConfig) -> dict[str, str]:
    """The sha256 of each file that the description at `path` names."""
    one, hashes = description["format"] == SINGLE, description.get("sha256")
    names = [MODEL] if one else files_of(configuration)
    given = {MODEL: hashes} if one else hashes
    if not isinstance(given, dict) or given.keys() != set(names) or not all(map(is_sha256, given.values())):
        raise WeightsError(f"{path}: expected the sha256 of {', '.join(names)}, found {hashes}; {CURE}")
    return given


def is_sha256(value: object) -> bool:
    return isinstance(value, str) and SHA256.fullmatch(value) is not None


def _check(file: Path, digest: str) -> None:
    """A `WeightsError` unless `file` is the one with that sha256."""
    if not file.is_file():
        raise WeightsError(f"{file}: no such file; {CONFIG} beside it names it; {CURE}")
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != digest:
        raise WeightsError(
            f"{file}: damaged or altered, or of other weights: expected sha256 {digest}, found {found}; {CURE}"
        )


def _usable(file: Path, state: State, device: str | torch.device) -> State:
    """Stored tensors on the device, as float32."""
    if broken := not_finite(state):
        raise WeightsError(f"{file}: {broken} holds NaN or infinity; {CURE}")
    return {
        name: (tensor.float() if tensor.is_floating_point() else tensor).to(device) for name, tensor in state.items()
    }


def read_description(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """What config.json says: format, sha256 of each file, card and configuration, as plain values."""
    path = Path(folder) / CONFIG
    try:
        description = json.loads(path.read_bytes())
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror}; {CURE}") from error
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: expected JSON, found something else ({error}); {CURE}") from error
    if not isinstance(description, dict) or description.get("format") not in (FORMAT, SINGLE):
        raise WeightsError(f"{path}: expected format {FORMAT!r}, found another; {CURE} with this version of showface")
    return description


def _opened(file: Path, form: str) -> tuple[dict[str, Any], State]:
    """Configuration, as plain values, and tensors as stored, once both have the hash that the metadata names."""
    state, facts = read_tensors(file)
    if facts.get("format") == FORMAT != form:
        raise WeightsError(f"{file}: holds a part of a network only; name the folder with it and {CONFIG}")
    if facts.get("format") != form:
        raise WeightsError(f"{file}: expected safetensors written by showface as {form!r}, found others; {CURE}")
    text = str(facts.get("configuration"))
    if facts.get("sha256") != digest_of(text, state):
        raise WeightsError(f"{file}: damaged or altered: its tensors do not have the sha256 that it names; {CURE}")
    try:
        return dict(json.loads(text)), state
    except (TypeError, ValueError, RecursionError) as error:
        raise WeightsError(f"{file}: its configuration is no JSON ({error}); {CURE}") from error


def _configuration(file: Path, values: object) -> MDRNetsConfig:
    try:
        return from_plain(MDRNetsConfig, values)
    except SettingError as error:
        raise WeightsError(f"{file}: configuration of another version: {error}") from error


def weights_hash(source: Path) -> str:
    """One sha256 for the weights in the folder `source`, as its config.json says, or of `source` itself."""
    if not source.is_dir():
        with source.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    hashes = read_description(source)["sha256"]
    return combined_hash(hashes) if isinstance(hashes, dict) else str(hashes)


def combined_hash(files: Mapping[str, str]) -> str:
    """One sha256 for a list of files by name and hash."""
    return hashlib.sha256("".join(f"{files[name]}  {name}\n" for name in sorted(files)).encode()).hexdigest()
