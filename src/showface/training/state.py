"""The state of a run on disk: safetensors only, written completely or not at all.

A checkpoint holds networks, their running averages, optimisers and the step; networks hold the memory's buffers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from showface import weights
from showface.errors import CheckpointError, NonFiniteError, WeightsError
from showface.lean.precision import computes_bf16

Json = dict[str, Any]
KEPT = 2  # checkpoints that stay on disk
RESULT = weights.RESULT


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
        """Every tensor of the state under a unique name, a copy, contiguous, in no particular memory format."""
        return _stored(self.live())

    def live(self) -> dict[str, Tensor]:
        """The very tensors that training changes, by the same names."""
        named: dict[str, Tensor] = {}
        for kind, modules in (("network", self.networks), ("average", self.averages)):
            for name, module in modules.items():
                named |= {f"{kind}/{name}/{key}": value for key, value in module.state_dict().items()}
        for name, optimiser in self.optimisers.items():
            for index, slot in optimiser.state_dict()["state"].items():
                named |= {f"optimiser/{name}/{index}/{key}": torch.as_tensor(value) for key, value in slot.items()}
        return named

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


def _stored(named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().contiguous().clone() for name, tensor in named.items()}


def _below(named: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in named.items() if name.startswith(prefix)}


def _optimiser_state(optimiser: Optimizer, named: dict[str, Tensor]) -> Json:
    """The optimiser's own form of `named`, moments in the memory format of their parameters."""
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in named.items():
        index, key = name.split("/")
        parameter = parameters[int(index)]
        like_it = tensor.shape == parameter.shape and tensor.ndim > 0
        state.setdefault(int(index), {})[key] = torch.empty_like(parameter).copy_(tensor) if like_it else tensor
    return {"state": state, "param_groups": optimiser.state_dict()["param_groups"]}


def write_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Json) -> None:
    """Write `tensors` with `facts` and their sha256 to `path`, all of them or nothing."""
    stored = {name: tensor.cpu() for name, tensor in _stored(tensors).items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        weights.write_tensors(path, stored, facts | {"sha256": weights.digest_of("", stored)})
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be written: {error.strerror or error}") from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], Json]:
    """The tensors and facts of a file that `write_tensors` made; one altered byte is a `CheckpointError`."""
    try:
        tensors, facts = weights.read_tensors(path)
    except WeightsError as error:
        raise CheckpointError(f"{path}: not a readable checkpoint: {error.__cause__}") from error
    if "configuration" not in facts:
        raise CheckpointError(f"{path}: safetensors, but not written by a training run")
    expected = facts.pop("sha256", None)  # of older files there is none
    if expected is not None and expected != weights.digest_of("", tensors):
        raise CheckpointError(f"{path}: not a readable checkpoint: its tensors do not have the sha256 that it names")
    return tensors, facts


def is_finished(run: Path, stage: str) -> bool:
    """Whether the run folder holds the result of this stage."""
    return (run / stage / RESULT).is_file()


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of one stage, oldest first."""
    return sorted(folder.glob("checkpoint-*.safetensors"))


def save_checkpoint(folder: Path, state: TrainState, facts: Json) -> Path:
    """Write the state and remove all but the last `KEPT` checkpoints; a `NonFiniteError` leaves them as they are."""
    path, tensors = folder / f"checkpoint-{state.step:08d}.safetensors", state.tensors()
    if broken := weights.not_finite(tensors):
        raise NonFiniteError(
            f"{broken} holds NaN or infinity after step {state.step:,}; not saved, the checkpoints before it remain"
        )
    write_tensors(path, tensors, facts | {"step": state.step})
    for old in checkpoints(folder)[:-KEPT]:
        old.unlink()
    return path


def resume(
    folder: Path, state: TrainState, facts: Json, *, filled: Callable[[Json], Json], say: Callable[[str], None]
) -> bool:
    """Continue from the newest readable checkpoint of the same configuration; False if there is no checkpoint.

    `facts` are those of this run: its configuration, and the machine, which may be another one now; that is said.
    `filled` adds to the configuration of an older checkpoint what has since become a setting, at its default.
    """
    for path in reversed(checkpoints(folder)):
        try:
            tensors, found = read_tensors(path)
        except CheckpointError as error:
            say(f"{error}; trying the one before")
            continue
        if difference := first_difference(filled(found["configuration"]), facts["configuration"]):
            raise CheckpointError(f"{path}: made with another configuration ({difference}); use another --out")
        here: Json = facts["machine"]
        there, one = found.get("machine", here), {"processes": 1, "accumulate": 1, "bfloat16": here.get("bfloat16")}
        if difference := first_difference(one | there, one | here):
            say(f"{path.name} was made on another machine ({difference}): the run goes on, its last digits may differ")
        state.restore(tensors, int(found["step"]))
        return True
    if checkpoints(folder):
        raise CheckpointError(f"{folder}: none of its checkpoints is readable; remove them to start anew")
    return False


def machine(device: torch.device, processes: int = 1, accumulate: int = 1) -> Json:
    """What decides the last digits of a result beside the configuration."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    here: Json = {
        "device": name, "threads": torch.get_num_threads(), "torch": str(torch.__version__),
        "bfloat16": computes_bf16(device),
    }  # fmt: skip
    return here | {name: n for name, n in (("processes", processes), ("accumulate", accumulate)) if n > 1}


def first_difference(found: Json, wanted: Json) -> str:
    """The first setting that differs and its two values; "" if none does."""
    old, new = flatten(found), flatten(wanted)
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            return f"{key}: {old.get(key)} there, {new.get(key)} here"
    return ""


def flatten(value: Any, prefix: str = "") -> Json:
    """A nested JSON value as dotted names and leaves."""
    if isinstance(value, dict):
        pairs: list[tuple[str, Any]] = [(str(k), v) for k, v in value.items()]
    elif isinstance(value, list):
        pairs = [(str(i), v) for i, v in enumerate(value)]
    else:
        return {prefix: value}
    return {name: leaf for k, v in pairs for name, leaf in flatten(v, f"{prefix}.{k}" if prefix else k).items()}
