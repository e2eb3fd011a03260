"""The processes of one run, started by `torchrun` or `accelerate launch`; accelerate brings them together.

Each process takes its part of every batch and makes the same update: gradients, losses and batch statistics are
averaged over all of them, the memory learns from the pictures of all. Only the first one writes.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from signal import Signals
from typing import Any

import torch
from torch import Tensor, distributed, nn

from showface.data.batches import Batch, Part
from showface.errors import CheckpointError, MissingExtraError, SettingError, WorkerError
from showface.training.configuration import StageConfig
from showface.training.distributed.processes import process_count, process_mean
from showface.training.interruption import StopSignals
from showface.training.state import TrainState

PATIENCE = timedelta(minutes=30)  # the first process may hash a large set of pictures while the others wait
LOST = ("gloo", "nccl", "connection closed", "connection reset", "timed out", "tcpstore")  # in messages of torch


@dataclass(frozen=True)
class Ranks:
    """This process, number `index` of `count`, computes on `device`."""

    device: torch.device
    index: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes logs, sheets, checkpoints and results."""
        return self.index == 0

    @property
    def part(self) -> Part:
        """What this process takes of every batch."""
        return Part(self.index, self.count)

    def wait(self) -> None:
        """Go on when all processes have come here."""
        self.largest(0)

    def largest(self, *values: int) -> list[int]:
        """The largest of each value over all processes."""
        if self.count == 1:
            return list(values)
        found = torch.tensor(values, dtype=torch.int64, device=self.device)
        distributed.all_reduce(found, op=distributed.ReduceOp.MAX)
        return [int(value) for value in found.tolist()]

    def share(self, stop: StopSignals) -> bool:
        """Whether to stop here: a signal to one process is a signal to all, after the same step."""
        (number,) = self.largest(int(stop.received or 0))
        if number and stop.received is None:
            stop.received = Signals(number)
        return bool(number)

    def in_step(self, stream: Iterator[Batch]) -> Iterator[Batch]:
        """The batches of `stream`, as long as every process has one."""
        while True:
            batch = next(stream, None)
            (ended,) = self.largest(int(batch is None))
            if ended or batch is None:
                return
            yield batch


@contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """The processes of this run. One that ends or cannot be reached ends all others with a `WorkerError`."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Ranks(device)
        return
    state = _together(device)
    with reached(state.process_index):
        yield Ranks(state.device, state.process_index, state.num_processes)


@contextmanager
def reached(index: int) -> Iterator[None]:
    """Another process that was lost is a `WorkerError` of this one, number `index`."""
    try:
        yield
    except RuntimeError as error:
        words = str(error).lower()
        if not isinstance(error, distributed.DistError) and not any(word in words for word in LOST):
            raise
        raise WorkerError(
            f"process {index}: another process of this run ended or cannot be reached; its own message "
            "says why; the same command goes on from the last checkpoint"
        ) from error


def _together(device: torch.device) -> Any:
    """accelerate's state of this process, which finds the others by what the launcher set."""
    if importlib.util.find_spec("accelerate") is None:
        raise MissingExtraError("training with several processes needs accelerate: pip install 'showface[train]'")
    together = import_module("accelerate").PartialState
    atexit.register(leave)
    if device.type == "cuda":
        return together(timeout=PATIENCE)
    return together(cpu=True, backend="gloo", timeout=PATIENCE)


def leave() -> None:
    """Part from the other processes while Python still runs, at the end of this one.

    A thread of gloo that is not done with its last exchange when Python ends would abort the process (PyTorch issue
    190489), and torchrun would call a finished run failed. An NCCL group is left to the end of the process: parting
    from it would wait for all others, which may have died.
    """
    if distributed.is_initialized() and distributed.get_backend() == "gloo":
        distributed.destroy_process_group()


def refuse_uneven(config: StageConfig, count: int) -> None:
    """A `SettingError` unless `count` processes share the pictures of a step evenly."""
    parts = count * config.accumulate
    for name in ("batch", "auxiliary"):
        if getattr(config, name) % parts:
            raise SettingError(
                f"stage {config.name}: {name} = {getattr(config, name)} pictures a step cannot be shared evenly by "
                f"{count} processes in {config.accumulate} parts each; expected a multiple of {parts}"
            )


@torch.no_grad()
def average_gradients(network: nn.Module) -> None:
    """Every gradient becomes its mean over all processes: one exchange for all of them."""
    if process_count() == 1:
        return
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    mean = process_mean(torch.cat([gradient.reshape(-1) for gradient in gradients]))
    for gradient, part in zip(gradients, mean.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view(gradient.shape))


def average_told(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Every scalar as its mean over the parts and over all processes, so that all of them see, and do, the same."""
    if len(parts) == process_count() == 1:
        return parts[0]
    means = [torch.stack([part[name].float() for part in parts]).mean() for name in parts[0]]
    return dict(zip(parts[0], process_mean(torch.stack(means)).unbind(), strict=True))


def refuse_other_start(ranks: Ranks, state: TrainState) -> None:
    """A `CheckpointError` unless all processes begin with the same state."""
    if not alike(ranks, state):
        raise CheckpointError(
            f"process {ranks.index} of {ranks.count} does not begin with the state of the others (here: step "
            f"{state.step:,}); the run's folder must be on a file system that all of them share"
        )


@torch.no_grad()
def kept_alike(ranks: Ranks, state: TrainState) -> bool:
    """Give all processes the state of the first if they drifted apart, as unlike machines may; False if they had."""
    if alike(ranks, state):
        return True
    for tensor in state.live().values():
        held = tensor.detach().contiguous()
        distributed.broadcast(held, src=0)
        tensor.copy_(held)
    return False


def alike(ranks: Ranks, state: TrainState) -> bool:
    """Whether every process holds the same bytes."""
    if ranks.count == 1:
        return True
    digest = [state.step, *(_digest(tensor) for tensor in state.tensors().values())]
    return ranks.largest(*digest) == [-value for value in ranks.largest(*(-value for value in digest))]


def _digest(tensor: Tensor) -> int:
    """The sum of all bytes, odd places counted thrice."""
    octets = tensor.reshape(-1).view(torch.uint8)
    return int(octets.sum(dtype=torch.int64) + 2 * octets[1::2].sum(dtype=torch.int64))
