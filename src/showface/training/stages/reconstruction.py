"""Stage "reconstruction": the autoencoder whose middle layer InCo2 compares (paper section 3.5, method.md §8.2)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from showface.data.batches import Batch
from showface.losses.objective import ObjectiveInputs, generator_terms
from showface.networks.reconstruction import ReconstructionNetwork
from showface.training.configuration import Recipe, StageConfig
from showface.training.stages.stage import Losses, Phase, Stage, evaluating


class ReconstructionStage(Stage):
    """Full pictures in, full pictures out; every pixel counts as visible."""

    def __init__(self, recipe: Recipe, config: StageConfig, runs: tuple[Path, ...], device: torch.device) -> None:
        super().__init__(recipe, config, runs, device)
        self.network = self.learning(ReconstructionNetwork(recipe.reconstruction))
        self.compiled(self.network)
        self.trunk = self.vgg()

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("reconstruction", self.network, self.losses, self.config.optimiser, raw=lambda: self.raw),)

    def losses(self, batch: Batch) -> Losses:
        self.raw = raw = self.network(batch.images).float()
        nothing_hidden = torch.zeros_like(batch.masks)
        inputs = ObjectiveInputs(raw=raw, completed=raw, truth=batch.images, mask=nothing_hidden)
        return generator_terms(inputs, self.config.weights, vgg=self.trunk, options=self.config.options)

    def show(self, batch: Batch, averages: Mapping[str, nn.Module]) -> list[Float[Tensor, "b 3 h w"]]:
        with evaluating(averages.get("reconstruction", self.network)) as network:
            return [network(batch.images).float().clamp(-1, 1), batch.images]

    def result(self, networks: Mapping[str, nn.Module]) -> nn.Module:
        return networks["reconstruction"]

    def networks_configuration(self) -> dict[str, object]:
        return {"reconstruction": self.recipe.reconstruction}
