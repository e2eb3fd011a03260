"""Stage "mdrnets": style encoder, memory, mask-region enhancement and refinement against a discriminator (section 3.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from showface.data.batches import Batch
from showface.losses.objective import LossWeights, ObjectiveInputs, discriminator_loss, generator_terms
from showface.networks.disentangled_memory import read_sharpness, slot_entropy
from showface.networks.discriminator import Discriminator
from showface.networks.mdrnets import MDRNets
from showface.networks.reconstruction import ReconstructionNetwork
from showface.training.configuration import Recipe, StageConfig
from showface.training.stages.face_parser import painted
from showface.training.stages.stage import Losses, Phase, Stage


NOTHING = LossWeights(
    valid=0.0, hole=1.0, perceptual=0.0, style=0.0, adversarial=0.0, tv=0.0, semantic=0.0, intra=0.0, inter=0.0
)


def first_of(inputs: ObjectiveInputs, count: int) -> ObjectiveInputs:
    """The first `count` pictures of a batch; all of them if `count` is 0."""
    if not count:
        return inputs
    return ObjectiveInputs(
        raw=inputs.raw[:count], completed=inputs.completed[:count], truth=inputs.truth[:count], mask=inputs.mask[:count]
    )


class MDRNetsStage(Stage):
    """Generator phase and, if the adversarial loss has a weight, discriminator phase on the same completions."""

    def __init__(self, recipe: Recipe, config: StageConfig, out: Path, device: torch.device) -> None:
        super().__init__(recipe, config, out, device)
        network = MDRNets(recipe.networks)
        self.finished("coarse", network.coarse)
        if recipe.networks.parser is not None:
            self.finished("face_parser", network.parser)
        self.network = network.to(device, memory_format=torch.channels_last).requires_grad_(False)
        self.network.eval()
        self.refined = self.learning(self.network.refined())
        self.trunk = self.vgg()
        self.discriminator = self.learning(Discriminator(recipe.discriminator)) if config.weights.adversarial else None
        self.encoder = self._encoder()
        self._inputs: ObjectiveInputs | None = None
        self._sharpness = float("nan")

    def _encoder(self) -> ReconstructionNetwork | None:
        """The reconstruction network, needed for InCo2 only."""
        if not (self.config.weights.intra or self.config.weights.inter):
            return None
        network = ReconstructionNetwork(self.recipe.reconstruction)
        self.finished("reconstruction", network)
        return network

    def phases(self) -> tuple[Phase, ...]:
        # the memory's buffers are part of what the generator learns
        learnt = nn.ModuleDict({"refined": self.refined, "memory": self.network.memory})
        generator = Phase("generator", learnt, self.generator_losses, self.config.optimiser)
        if self.discriminator is None:
            return (generator,)
        critic = self.config.discriminator_optimiser
        return generator, Phase("discriminator", self.discriminator, self.discriminator_losses, critic, averaged=False)

    def generator_losses(self, batch: Batch) -> Losses:
        output = self.network(batch.images, batch.masks, update_memory=True)
        self._sharpness = float(read_sharpness(output.retrieved.weights, output.present > 0).mean())
        inputs = ObjectiveInputs(raw=output.raw, completed=output.completed, truth=batch.images, mask=batch.masks)
        self._inputs = first_of(inputs, self.config.auxiliary)
        weights, no_pixels = self.config.weights, {"valid": 0.0, "hole": 0.0, "tv": 0.0}
        pixel_terms = generator_terms(inputs, replace(NOTHING, **{name: getattr(weights, name) for name in no_pixels}))
        if not any(value for name, value in asdict(weights).items() if name not in no_pixels):
            return pixel_terms
        network_terms = generator_terms(
            self._inputs, replace(weights, **no_pixels), vgg=self.trunk, parser=self.parse,
            discriminator=self.discriminator, encoder=None if self.encoder is None else self.encoder.encode,
            options=self.config.options,
        )  # fmt: skip
        return pixel_terms | network_terms | {"total": pixel_terms["total"] + network_terms["total"]}

    def discriminator_losses(self, batch: Batch) -> Losses:
        del batch  # judged are the completions of the generator phase
        if self._inputs is None or self.discriminator is None:
            raise RuntimeError("the generator phase comes first")
        loss = discriminator_loss(self._inputs, self.discriminator)
        return {"total": loss}

    def parse(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 14 h2 w2"]:
        """Log-probabilities of the frozen parser."""
        logits: Tensor = self.network.parser(image)
        return logits.float().log_softmax(dim=1)

    def diagnostics(self) -> dict[str, float]:
        used = slot_entropy(self.network.memory.usage)
        return {"slot_entropy": float(used.mean()), "read_sharpness": self._sharpness}

    @torch.no_grad()
    def show(self, batch: Batch, averages: Mapping[str, nn.Module]) -> list[Float[Tensor, "b 3 h w"]]:
        network = self._averaged(averages)
        output = network.eval()(batch.images, batch.masks)
        self.refined.train()
        scale = batch.images.shape[2] // output.semantic_map.shape[1]
        semantic_map = painted(output.semantic_map).repeat_interleave(scale, 2).repeat_interleave(scale, 3)
        masked = batch.images.masked_fill(batch.masks > 0.5, 1.0)
        return [masked, output.coarse, semantic_map, output.completed.clamp(-1, 1), batch.images]

    def _averaged(self, averages: Mapping[str, nn.Module]) -> MDRNets:
        """The whole network with averaged weights where there are any; the live one stays as it is."""
        if "generator" not in averages:
            return self.network
        network = MDRNets(self.recipe.networks).to(self.device)
        network.load_state_dict(self.network.state_dict())
        network.refined().load_state_dict(averages["generator"].get_submodule("refined").state_dict())
        return network.eval().requires_grad_(False)

    def result(self, networks: Mapping[str, nn.Module]) -> nn.Module:
        return self._averaged(networks if self.config.ema else {})

    def networks_configuration(self) -> dict[str, Any]:
        return {"mdrnets": asdict(self.recipe.networks), "discriminator": asdict(self.recipe.discriminator)}
