"""Safetensors with our facts in their metadata, and hashes of what they hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as safetensors_bytes
from torch import Tensor

from showface.errors import WeightsError
from showface.weights.layout import CURE
from showface.weights.whole_files import write_whole

KEY = "showface"  # under which the metadata of the safetensors holds our facts
State = dict[str, Tensor]


def write_tensors(path: Path, tensors: State, facts: Mapping[str, object]) -> str:
    """Writes a safetensors file with `facts` (JSON) in it, all of it or nothing; returns its sha256."""
    content = as_bytes(tensors, facts)
    write_whole(path, content)
    return hashlib.sha256(content).hexdigest()


def as_bytes(tensors: State, facts: Mapping[str, object]) -> bytes:
    return safetensors_bytes(tensors, {KEY: json.dumps(facts)})  # one key: several come in random order


def read_tensors(file: Path) -> tuple[State, dict[str, Any]]:
    """The tensors and the facts of a file that `write_tensors` made; no facts in safetensors made by others."""
    try:
        with safe_open(file, framework="pt", device="cpu") as content:
            facts = json.loads((content.metadata() or {}).get(KEY, "{}"))
            state = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118 (it is no mapping)
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise WeightsError(f"{file}: damaged, or not safetensors ({error}); {CURE}") from error
    return state, facts if isinstance(facts, dict) else {}


def tensor_names(file: Path) -> list[str]:
    """The names of the tensors in a safetensors file; its head alone is read."""
    try:
        with safe_open(file, framework="pt") as content:
            return list(content.keys())
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{file}: missing, damaged, or not safetensors ({error}); {CURE}") from error


def digest_of(configuration: str, state: State) -> str:
    """sha256 over the configuration and every tensor's name, type, shape and bytes."""
    digest = hashlib.sha256(configuration.encode())
    for name in sorted(state):
        tensor = state[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def not_finite(state: State) -> str | None:
    """The first tensor that holds NaN or infinity."""
    return next((name for name, tensor in state.items() if not torch.isfinite(tensor.float()).all()), None)
