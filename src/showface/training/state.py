"""The state of a run on disk: safetensors only, written completely or not at all.

A checkpoint holds networks, their running averages, optimisers and the step; networks hold the memory's buffers.
"""

from __future__ import annotations

import copy
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer

from showface.errors import CheckpointError

KEPT = 2  # checkpoints that stay on disk


@dataclass
class TrainState:
    """What training changes."""

    networks: dict[str, nn.Module]
    optimisers: dict[str, Optimizer]
    averages: dict[str, nn.Module]
    step: int = 0

    @staticmethod
    def start(networks: dict[str, nn.Module], optimisers: dict[str, Optimizer], *, averaged: set[str]) -> TrainState:
        """The state before the first step; the averages of the networks named in `averaged` start as copies."""
        averages = {name: copy.deepcopy(networks[name]).eval().requires_grad_(False) for name in averaged}
        return TrainState(networks, optimisers, averages)

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor of the state under a unique name, contiguous, in no particular memory format."""
        named: dict[str, Tensor] = {}
        for kind, modules in (("network", self.networks), ("average", self.averages)):
            for name, module in modules.items():
                named |= {f"{kind}/{name}/{key}": value for key, value in module.state_dict().items()}
        for name, optimiser in self.optimisers.items():
            for index, slot in optimiser.state_dict()["state"].items():
                named |= {f"optimiser/{name}/{index}/{key}": torch.as_tensor(value) for key, value in slot.items()}
        return {name: tensor.detach().contiguous().clone() for name, tensor in named.items()}

    def restore(self, named: dict[str, Tensor], step: int) -> None:
        """Continue from `named`, as `tensors` gave it."""
        for kind, modules in (("network", self.networks), ("average", self.averages)):
            for name, module in modules.items():
                load_network(module, _below(named, f"{kind}/{name}/"), f"{kind} {name}")
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(_optimiser_state(optimiser, _below(named, f"optimiser/{name}/")))
        self.step = step


def load_network(network: nn.Module, tensors: dict[str, Tensor], what: str) -> None:
    """Strictly load `tensors`; a mismatch is one line that names the first difference."""
    expected = network.state_dict()
    for key in sorted(expected.keys() ^ tensors.keys()):
        raise CheckpointError(
            f"{what}: {key} is {'missing' if key in expected else 'unexpected'}; made by another recipe?"
        )
    for key, value in expected.items():
        if value.shape != tensors[key].shape:
            raise CheckpointError(f"{what}: {key} is {tuple(tensors[key].shape)}, expected {tuple(value.shape)}")
    network.load_state_dict(tensors)


def _below(named: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in named.items() if name.startswith(prefix)}


def _optimiser_state(optimiser: Optimizer, named: dict[str, Tensor]) -> dict[str, Any]:
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in named.items():
        index, key = name.split("/")
        state.setdefault(int(index), {})[key] = tensor
    return {"state": state, "param_groups": optimiser.state_dict()["param_groups"]}


def write_tensors(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write `tensors` with `facts` (JSON) to `path`: temporary file in the same folder, flush, fsync, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        data = save(tensors, metadata={"showface": json.dumps(facts)})
        with open(temporary, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise CheckpointError(f"{path}: cannot be written: {error.strerror or error}") from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and facts of a file that `write_tensors` made."""
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {}).get("showface", "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, not a dict
    except (OSError, SafetensorError, ValueError) as error:
        raise CheckpointError(f"{path}: not a readable checkpoint: {error}") from error
    if not isinstance(facts, dict):
        raise CheckpointError(f"{path}: safetensors, but not written by a training run")
    return tensors, facts


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of one stage, oldest first."""
    return sorted(folder.glob("checkpoint-*.safetensors"))


def save_checkpoint(folder: Path, state: TrainState, facts: dict[str, Any]) -> Path:
    """Write the state and remove all but the last `KEPT` checkpoints."""
    path = folder / f"checkpoint-{state.step:08d}.safetensors"
    write_tensors(path, state.tensors(), facts | {"step": state.step})
    for old in checkpoints(folder)[:-KEPT]:
        old.unlink()
    return path


def resume(folder: Path, state: TrainState, facts: dict[str, Any], say: Any) -> bool:
    """Continue from the newest readable checkpoint of the same configuration; False if there is none."""
    for path in reversed(checkpoints(folder)):
        try:
            tensors, found = read_tensors(path)
        except CheckpointError as error:
            say(f"{error}; trying the one before")
            continue
        if found["configuration"] != facts["configuration"]:
            raise CheckpointError(
                f"{path}: made with another configuration ({_difference(found, facts)}); use another --out"
            )
        state.restore(tensors, int(found["step"]))
        return True
    return False


def _difference(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    old, new = flatten(found["configuration"]), flatten(wanted["configuration"])
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            return f"{key}: {old.get(key)} there, {new.get(key)} here"
    return "order of fields"


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """A nested JSON value as dotted names and leaves."""
    if isinstance(value, dict):
        pairs: list[tuple[str, Any]] = [(str(k), v) for k, v in value.items()]
    elif isinstance(value, list):
        pairs = [(str(i), v) for i, v in enumerate(value)]
    else:
        return {prefix: value}
    return {name: leaf for k, v in pairs for name, leaf in flatten(v, f"{prefix}.{k}" if prefix else k).items()}
