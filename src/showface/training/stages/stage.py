"""What a stage is: networks, one function from a batch to named losses per phase, and what to show."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from showface.data.batches import Batch
from showface.errors import CheckpointError
from showface.features.vgg16 import VGG16
from showface.training.configuration import OptimiserConfig, Recipe, StageConfig
from showface.training.state import load_network, read_tensors

Losses = dict[str, Tensor]
MAY_CHANGE = ("steps", "workers", "log_every", "checkpoint_every", "show_every")  # when a run goes on


@dataclass(frozen=True)
class Phase:
    """One update: which network learns, from which losses (their sum is "total"), how."""

    name: str
    network: nn.Module
    losses: Callable[[Batch], Losses]
    optimiser: OptimiserConfig
    averaged: bool = True


class Stage(ABC):
    """Networks of one of the four training stages, on their device, everything frozen that does not learn."""

    def __init__(self, recipe: Recipe, config: StageConfig, out: Path, device: torch.device) -> None:
        self.recipe, self.config, self.out, self.device = recipe, config, out, device

    @abstractmethod
    def phases(self) -> tuple[Phase, ...]:
        """The updates of one step, in order."""

    @abstractmethod
    def show(self, batch: Batch, averages: Mapping[str, nn.Module]) -> list[Float[Tensor, "b 3 h w"]]:
        """The columns of the contact sheet, images in [-1, 1]; with averaged weights where there are any."""

    @abstractmethod
    def result(self, networks: Mapping[str, nn.Module]) -> nn.Module:
        """The network this stage hands on, with the weights of `networks` (phase name -> learnt network)."""

    @abstractmethod
    def networks_configuration(self) -> dict[str, Any]:
        """The configuration of what is trained here, for the checkpoint's identity."""

    def before_step(self, step: int) -> None:
        """Called before step number `step`; the default does nothing."""
        del step

    def diagnostics(self) -> dict[str, float]:
        """Scalars beside the losses; the default has none."""
        return {}

    def identity(self) -> dict[str, Any]:
        """The settings that must not change between the parts of one run, as plain JSON."""
        stage = {name: value for name, value in asdict(self.config).items() if name not in MAY_CHANGE}
        plain: dict[str, Any] = json.loads(json.dumps({"stage": stage, "networks": self.networks_configuration()}))
        return plain

    def learning(self, network: nn.Module) -> nn.Module:
        """`network` on the device in channels_last order, frozen until its phase thaws it."""
        return network.to(self.device, memory_format=torch.channels_last).train().requires_grad_(False)

    def finished(self, name: str, network: nn.Module) -> nn.Module:
        """`network` with the weights of the finished stage `name`, frozen and in evaluation mode."""
        path = self.out / name / "network.safetensors"
        if not path.exists():
            raise CheckpointError(f"{path} is missing: stage {self.config.name!r} needs the finished stage {name!r}")
        load_network(network, read_tensors(path)[0], str(path))
        return network.to(self.device, memory_format=torch.channels_last).eval().requires_grad_(False)

    def vgg(self) -> VGG16 | None:
        """VGG16 where the loss weights ask for it."""
        if not (self.config.weights.perceptual or self.config.weights.style):
            return None
        network = VGG16.pretrained()
        return network.to(self.device, memory_format=torch.channels_last).eval().requires_grad_(False)
