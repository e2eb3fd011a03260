"""What a stage is: networks, one function from a batch to named losses per phase, and what to show."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from showface.configurations import from_plain, to_plain
from showface.data.batches import Batch
from showface.errors import AssetError, CheckpointError, SettingError
from showface.features.vgg16 import VGG16
from showface.training.configuration import OptimiserConfig, Recipe, StageConfig
from showface.training.distributed.processes import process_count, with_whole_batch_norms
from showface.training.state import RESULT, Json, is_finished, load_network, read_tensors
from showface.weights import State, holds_weights, load, named_release

Losses = dict[str, Tensor]
NetworkT = TypeVar("NetworkT", bound=nn.Module)
BOXES = {
    "coarse": "coarse.",
    "face_parser": "parser.",
    "alignment": "alignment.",
}  # where weights of MDRNets hold what a stage made
MAY_CHANGE = (  # when a run goes on
    "steps", "workers", "log_every", "checkpoint_every", "show_every", "gradients_every", "accumulate", "recompute",
    "compile",
)  # fmt: skip


@dataclass(frozen=True)
class Phase:
    """One update: which network learns, from which losses (their sum is "total"), how."""

    name: str
    network: nn.Module
    losses: Callable[[Batch], Losses]
    optimiser: OptimiserConfig
    averaged: bool = True
    raw: Callable[[], Tensor | None] = lambda: None  # the output that the losses of the last batch were computed from
    survey: Callable[[Sequence[Batch]], None] = lambda parts: None  # told of all parts of a batch before its losses


class Stage(ABC):
    """Networks of one of the four training stages, on their device, everything frozen that does not learn.

    `runs` are the run folders that hold the results of earlier stages; the first that has one counts.
    """

    def __init__(self, recipe: Recipe, config: StageConfig, runs: tuple[Path, ...], device: torch.device) -> None:
        self.recipe, self.config, self.runs, self.device = recipe, config, runs, device
        self.raw: Tensor | None = None  # what the losses of the last batch judge, where more than one of them does

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
    def networks_configuration(self) -> dict[str, object]:
        """The configurations of what is trained here, for the checkpoint's identity."""

    def before_step(self, step: int) -> None:
        """Called before step number `step`; the default does nothing."""
        del step

    def diagnostics(self) -> dict[str, float]:
        """Scalars beside the losses; the default has none."""
        return {}

    def tables(self) -> dict[str, list[Any]]:
        """Numbers of more than one dimension for log.jsonl, by name; the default has none."""
        return {}

    def deliver(self, result: nn.Module, out: Path) -> None:
        """Write what people use, beside the result that later stages read; the default writes nothing."""
        del result, out

    def identity(self) -> Json:
        """The settings that must not change between the parts of one run, as plain JSON."""
        networks = {name: to_plain(config) for name, config in self.networks_configuration().items()}
        stage = _lasting(to_plain(self.config))
        return {"recipe": self.recipe.name, "stage": stage, "networks": networks}

    def filled(self, found: Json) -> Json:
        """The `identity` of an older checkpoint, with the defaults of settings that did not exist when it was made."""
        own = self.networks_configuration()
        try:
            stage = to_plain(from_plain(StageConfig, found["stage"] | {"steps": self.config.steps}))
            missing: Json = {name: {} for name in own.keys() - found["networks"].keys()}
            networks = {
                name: to_plain(from_plain(type(own[name]), value))
                for name, value in (found["networks"] | missing).items()
            }
        except (KeyError, SettingError):  # made for something else altogether
            return found
        stage = _lasting(stage)
        return found | {"stage": stage, "networks": networks}

    def learning(self, network: NetworkT) -> NetworkT:
        """`network` on the device, frozen until its phase thaws it."""
        if process_count() > 1:
            with_whole_batch_norms(network)
        placed(network, self.device).train().requires_grad_(False)
        return network

    def remembering_little(self, *networks: nn.Module) -> None:
        """With `recompute`, these networks compute activations again for the gradient instead of keeping them."""
        for network in networks:
            network.recompute = self.config.recompute  # type: ignore[assignment]  # a plain flag

    def compiled(self, *networks: nn.Module) -> None:
        """Hand `networks` to torch.compile where `compile` names a backend; their names and weights stay."""
        for network in networks:
            if self.config.compile:
                network.compile(backend=self.config.compile)

    def frozen(self, network: NetworkT) -> NetworkT:
        """`network` on the device, in evaluation mode."""
        placed(network, self.device).eval().requires_grad_(False)
        return network

    def finished(self, name: str, network: NetworkT) -> NetworkT:
        """`network` with the weights of the finished stage `name`, frozen; a run folder may be a weights folder too."""
        for run in self.runs:
            if is_finished(run, name):
                path = run / name / RESULT
                load_network(network, read_tensors(path)[0], str(path))
                return self.frozen(network)
            if name in BOXES and holds_weights(run) and (held := box_of(load(run)[1], BOXES[name])):
                load_network(network, held, f"{run}, {name}")
                return self.frozen(network)
        path = self.runs[0] / name / RESULT
        raise CheckpointError(f"{path} is missing: stage {self.config.name!r} needs the finished stage {name!r}")

    def started(self, network: nn.Module, prefix: str, *, but: Sequence[str] = ()) -> None:
        """Give `network` the tensors that `config.start` holds below `prefix`, except those below any of `but`.

        `config.start` is weights, or a run that has finished this very stage. Every one of its tensors must fit; parts
        that it lacks, of a network that grew since, stay as they were built.
        """
        if not self.config.start:
            return
        place = named_release(self.config.start)
        if not holds_weights(place) and is_finished(place, self.config.name):
            held = read_tensors(place / self.config.name / RESULT)[0]
        else:
            held = box_of(load(place)[1], prefix)
        own = network.state_dict()
        held = {name: value for name, value in held.items() if not name.startswith(tuple(but))}
        for name, value in held.items():
            if name not in own or own[name].shape != value.shape:
                raise CheckpointError(
                    f"{self.config.start}: {prefix}{name} is {tuple(value.shape)}, recipe {self.recipe.name!r} has "
                    f"{tuple(own[name].shape) if name in own else 'no such tensor'}; start from the same profile"
                )
        network.load_state_dict(own | held)

    def vgg(self) -> VGG16 | None:
        """VGG16 where the loss weights ask for it. Where it cannot be had, `AssetError` tells the way without it."""
        if not self.config.weights.needs_vgg:
            return None
        try:
            return self.frozen(VGG16.pretrained(layers=self.config.options.perceptual_layers))
        except AssetError as error:
            asking = (stage.name for stage in self.recipe.stages if stage.weights.needs_vgg)
            without = " ".join(f"--set {name}.weights.{term}=0" for name in asking for term in ("perceptual", "style"))
            raise AssetError(f"{error}; or train without it, which makes softer pictures: {without}") from error


def _lasting(stage: Json) -> Json:
    """The settings of a stage that decide its result."""
    lasting = {name: value for name, value in stage.items() if name not in MAY_CHANGE}
    return lasting | {"data": {name: value for name, value in stage["data"].items() if name != "cache"}}


def box_of(state: State, prefix: str) -> State:
    """The tensors of one box, by their names in it."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def placed(network: NetworkT, device: torch.device) -> NetworkT:
    """`network` on `device`, the kernels of its convolutions in channels_last order."""
    network.to(device)
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.ndim == 4:
            tensor.data = tensor.data.to(memory_format=torch.channels_last)
    return network


@contextmanager
def evaluating(network: NetworkT) -> Iterator[NetworkT]:
    """`network` in evaluation mode and without gradient; afterwards each part is in the mode it was in."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.no_grad():
            yield network
    finally:
        for module, mode in modes.items():
            module.training = mode
