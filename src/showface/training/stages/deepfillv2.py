"""Stage "deepfillv2": the baseline's two-stage generator against SN-PatchGAN (Yu et al. 2019; method.md §10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from showface.baselines.deepfillv2 import DeepFillV2
from showface.data.batches import Batch, Part
from showface.errors import SettingError
from showface.losses.objective import ObjectiveInputs, discriminator_terms, generator_terms
from showface.masks import composite
from showface.networks.discriminator import Discriminator
from showface.training.configuration import Recipe, StageConfig
from showface.training.stages.stage import Losses, Phase, Stage, evaluating


class DeepFillV2Stage(Stage):
    """Generator phase, L1 of both stages and the hinge, then discriminator phase on the same completions."""

    def __init__(self, recipe: Recipe, config: StageConfig, runs: tuple[Path, ...], device: torch.device) -> None:
        super().__init__(recipe, config, runs, device)
        if recipe.baseline is None:
            raise SettingError(f"recipe {recipe.name}: stage deepfillv2 expects a `baseline`, got none")
        self.baseline = recipe.baseline
        self.network = self.learning(DeepFillV2(self.baseline))
        self.discriminator = (
            self.learning(Discriminator(recipe.discriminator)) if config.weights.needs_discriminator else None
        )
        self.judged: dict[Part, ObjectiveInputs] = {}  # what the generator's losses of each part of a batch compared

    def phases(self) -> tuple[Phase, ...]:
        generator = Phase("generator", self.network, self.generator_losses, self.config.optimiser, raw=lambda: self.raw)
        if self.discriminator is None:
            return (generator,)
        critic = self.config.discriminator_optimiser
        return generator, Phase("discriminator", self.discriminator, self.discriminator_losses, critic, averaged=False)

    def generator_losses(self, batch: Batch) -> Losses:
        first, raw = self.network.both_stages(batch.images, batch.masks)
        judged = self.judged[batch.part] = compared(raw, batch)
        self.raw = raw
        options, objective = self.config.options, self.config.weights
        alone = replace(objective, adversarial=0.0)
        of_first = generator_terms(compared(first, batch), alone, options=options)
        critic = None if self.discriminator is None else self.discriminator.features
        of_second = generator_terms(judged, objective, discriminator=critic, options=options)
        total = of_first.pop("total") + of_second.pop("total")
        return {f"first_{name}": value for name, value in of_first.items()} | of_second | {"total": total}

    def discriminator_losses(self, batch: Batch) -> Losses:
        inputs = self.judged.pop(batch.part, None)  # the completions of the generator phase
        if inputs is None or self.discriminator is None:
            raise RuntimeError("the generator phase comes first")
        return discriminator_terms(inputs, self.discriminator.features)

    def show(self, batch: Batch, averages: Mapping[str, nn.Module]) -> list[Float[Tensor, "b 3 h w"]]:
        network = averages.get("generator", self.network)
        assert isinstance(network, DeepFillV2)
        with evaluating(network):
            first, raw = network.both_stages(batch.images, batch.masks)
        masked = batch.images.masked_fill(batch.masks > 0.5, 1.0)
        return [masked, first, raw, composite(batch.images, raw, batch.masks), batch.images]

    def result(self, networks: Mapping[str, nn.Module]) -> nn.Module:
        return networks["generator"]

    def networks_configuration(self) -> dict[str, object]:
        return {"deepfillv2": self.baseline, "discriminator": self.recipe.discriminator}


def compared(raw: Float[Tensor, "b 3 h w"], batch: Batch) -> ObjectiveInputs:
    """What a stage's face is judged by."""
    completed = composite(batch.images, raw, batch.masks)
    return ObjectiveInputs(raw=raw, completed=completed, truth=batch.images, mask=batch.masks)
