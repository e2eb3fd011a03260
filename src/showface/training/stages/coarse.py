"""Stage "coarse": the partial-convolution U-Net (paper section 4, method.md §2)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from showface.data.batches import Batch
from showface.losses.configuration import LossWeights
from showface.losses.objective import ObjectiveInputs, generator_terms
from showface.masks import composite
from showface.networks.coarse import CoarseNetwork
from showface.training.configuration import Recipe, StageConfig
from showface.training.stages.judging import first_of, judged_terms
from showface.training.stages.stage import BOXES, Losses, Phase, Stage, evaluating


class CoarseStage(Stage):
    """One phase; towards the end the encoder's batch norm may be frozen, as Liu et al. fine-tune."""

    def __init__(self, recipe: Recipe, config: StageConfig, runs: tuple[Path, ...], device: torch.device) -> None:
        super().__init__(recipe, config, runs, device)
        self.network = CoarseNetwork(recipe.networks.coarse)
        self.started(self.network, BOXES["coarse"])
        self.learning(self.network)
        self.remembering_little(self.network)
        self.compiled(self.network)
        self.trunk = self.vgg()

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("coarse", self.network, self.losses, self.config.optimiser, raw=lambda: self.raw),)

    def losses(self, batch: Batch) -> Losses:
        self.raw = raw = self.network(batch.images, batch.masks).float()
        completed = composite(batch.images, raw, batch.masks)
        whole = ObjectiveInputs(raw=raw, completed=completed, truth=batch.images, mask=batch.masks)
        if not self.config.auxiliary:
            return self._terms(whole, self.config.weights)
        judged = first_of(whole, self.config.auxiliary // batch.part.count)
        return judged_terms(whole, judged, self.config.weights, self._terms)

    def _terms(self, inputs: ObjectiveInputs, share: LossWeights) -> Losses:
        return generator_terms(inputs, share, vgg=self.trunk, options=self.config.options)

    def before_step(self, step: int) -> None:
        if step >= self.config.frozen_norm_from * self.config.steps:
            for module in self.network.encoder.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()

    def show(self, batch: Batch, averages: Mapping[str, nn.Module]) -> list[Float[Tensor, "b 3 h w"]]:
        with evaluating(averages.get("coarse", self.network)) as network:
            raw = network(batch.images, batch.masks).float().clamp(-1, 1)
        masked = batch.images.masked_fill(batch.masks > 0.5, 1.0)
        return [masked, raw, composite(batch.images, raw, batch.masks), batch.images]

    def result(self, networks: Mapping[str, nn.Module]) -> nn.Module:
        return networks["coarse"]

    def networks_configuration(self) -> dict[str, object]:
        return {"coarse": self.recipe.networks.coarse}
