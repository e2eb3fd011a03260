"""Stage "mdrnets": style encoder, memory, mask-region module and refinement against a discriminator (section 3.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from showface import assets, weights
from showface.data.batches import Batch, Part
from showface.features.efficientnet_lite0 import EfficientNetLite0
from showface.losses.configuration import LossWeights
from showface.losses.objective import ObjectiveInputs, discriminator_terms, generator_terms, term_counts
from showface.networks.bisenet import BiSeNetParser
from showface.networks.discriminator import Discriminator
from showface.networks.disentangled_memory import read_sharpness, slot_entropy
from showface.networks.mdrnets import MDRNets, MDRNetsOutput, Reading
from showface.networks.reconstruction import ReconstructionNetwork
from showface.training.configuration import Recipe, StageConfig
from showface.training.distributed.processes import process_mean
from showface.training.stages.alignment import sources_of
from showface.training.stages.face_parser import painted
from showface.training.stages.judging import first_of, judged_terms
from showface.training.stages.lite_judges import LiteJudges, Opinions, critics_of
from showface.training.stages.stage import BOXES, Losses, Phase, Stage, evaluating


class MDRNetsStage(Stage):
    """Generator phase and, if a loss asks the discriminator, discriminator phase on the same completions."""

    def __init__(self, recipe: Recipe, config: StageConfig, runs: tuple[Path, ...], device: torch.device) -> None:
        super().__init__(recipe, config, runs, device)
        self.network = self.frozen(self._network())
        self.refined = self.learning(self.network.refined(coarse=config.joint))
        self.remembering_little(self.network, self.network.refinement, *([self.network.coarse] * config.joint))
        self.compiled(*(box for box in self.refined.values() if box is not self.network.coarse))
        self.network.coarse.eval()  # its batch statistics stay those of its own stage, or P would change between uses
        self.trunk = self.vgg()
        self.discriminator = (
            self.learning(Discriminator(recipe.discriminator)) if config.weights.needs_discriminator else None
        )
        self.lite = self._lite()
        self.encoder = self._encoder()
        self.judged: dict[Part, ObjectiveInputs] = {}  # what the generator's losses of each part of a batch compared
        self._readings: dict[Part, Reading] = {}  # what is known of the parts of a batch that came to be learnt from
        self._maps: dict[Part, Tensor] = {}  # and of the true pictures that are judged
        self._counts: dict[str, Tensor] = {}
        self._read: tuple[Tensor, Tensor] | None = None

    def _network(self) -> MDRNets:
        """The network with the finished coarse network and parser in it."""
        network = MDRNets(self.recipe.networks)
        self.started(network, "", but=tuple(BOXES.values()))  # which come finished
        self.finished("coarse", network.coarse)
        if isinstance(network.parser, BiSeNetParser):
            network.parser.load(assets.path("bisenet"))
        else:
            self.finished("face_parser", network.parser)
        if network.alignment is not None:
            self.finished("alignment", network.alignment)
        return network

    def _lite(self) -> LiteJudges | None:
        """EfficientNet-Lite0 and its critics, where the loss weights ask for them."""
        share = self.config.weights
        if not share.needs_lite:
            return None
        critics = self.learning(critics_of(self.recipe.projected, share))
        return LiteJudges(self.frozen(EfficientNetLite0.pretrained()), critics, share, self.config.options)

    def _encoder(self) -> ReconstructionNetwork | None:
        """The reconstruction network, needed for InCo2 only."""
        if not (self.config.weights.intra or self.config.weights.inter):
            return None
        return self.finished("reconstruction", ReconstructionNetwork(self.recipe.reconstruction))

    def phases(self) -> tuple[Phase, ...]:
        # the memory's buffers are part of what the generator learns
        learnt = nn.ModuleDict({"refined": self.refined, "memory": self.network.memory})
        generator = Phase(
            "generator", learnt, self.generator_losses, self.config.optimiser, raw=lambda: self.raw, survey=self.survey
        )
        critic, found = self.config.discriminator_optimiser, [generator]
        if self.discriminator is not None:
            found.append(Phase("discriminator", self.discriminator, self.discriminator_losses, critic, averaged=False))
        if self.lite is not None and len(self.lite.critics):
            found.append(Phase("critics", self.lite.critics, self.critics_losses, critic, averaged=False))
        return tuple(found)

    @torch.no_grad()
    def survey(self, parts: Sequence[Batch]) -> None:
        """The memory learns from all parts at once; terms over what occurs are divided by what occurs in all."""
        if len(parts) > 1:
            found = [self.network.look(part.images, part.masks) for part in parts]
            if self.network.config.use_memory:
                queries, visible, valid = (torch.cat(each) for each in list(zip(*found, strict=True))[2:])
                self.network.memory.update(queries, visible, valid)
            self._readings = {part.part: reading for part, reading in zip(parts, found, strict=True)}
        if self.config.weights.semantic or self.encoder is not None or self.lite is not None:
            judged = [self._judged_of(part.images, part) for part in parts]
            maps = [self.parse(images).argmax(dim=1) for images in judged]
            self._maps = {part.part: semantic_map for part, semantic_map in zip(parts, maps, strict=True)}
            counts = [self._counts_of(part, self._maps[part.part]) for part in parts]
            self._counts = {
                name: process_mean(torch.stack([count[name] for count in counts]).mean()) for name in counts[0]
            }

    def _judged_of(self, of_all: Tensor, part: Batch) -> Tensor:
        """Those of a tensor's pictures that the terms which need a network are computed on."""
        return of_all[: self.config.auxiliary // part.part.count or None]

    def _counts_of(self, part: Batch, semantic_map: Tensor) -> Losses:
        multiple = 1 if self.encoder is None else self.encoder.config.multiple
        return term_counts(
            semantic_map, self._judged_of(part.masks, part), self.config.weights,
            encoded=(part.masks.shape[2] // multiple, part.masks.shape[3] // multiple),
        )  # fmt: skip

    def generator_losses(self, batch: Batch) -> Losses:
        known = self._readings.pop(batch.part, None)
        further = sources_of(batch)
        output: MDRNetsOutput = self.network(
            batch.images, batch.masks, further, update_memory=known is None, read=None if self.config.joint else known
        )
        self.raw, self._read = output.raw, (output.retrieved.weights.detach(), output.present > 0)
        whole = ObjectiveInputs(raw=output.raw, completed=output.completed, truth=batch.images, mask=batch.masks)
        judged = first_of(whole, self.config.auxiliary // batch.part.count)
        judged = replace(judged, semantic_map=self._maps.pop(batch.part, None))
        self.judged[batch.part] = judged
        terms = partial(self._terms, batch.part)
        if not self.config.auxiliary:
            return terms(judged, self.config.weights)
        return judged_terms(whole, judged, self.config.weights, terms)

    def _terms(self, part: Part, inputs: ObjectiveInputs, share: LossWeights) -> Losses:
        lite = self.lite if share.needs_lite else None
        opinions: Opinions | dict[str, Any] = {} if lite is None else lite.opinions(inputs, part, self.parse)
        return generator_terms(
            inputs, share, vgg=self.trunk, parser=self.parse,
            discriminator=None if self.discriminator is None else self.discriminator.features,
            encoder=None if self.encoder is None else self.encoder.encode, options=self.config.options,
            counts=self._counts, **opinions,
        )  # fmt: skip

    def critics_losses(self, batch: Batch) -> Losses:
        assert self.lite is not None
        return self.lite.losses(batch.part)

    def discriminator_losses(self, batch: Batch) -> Losses:
        inputs = self.judged.pop(batch.part, None)  # the completions of the generator phase
        if inputs is None or self.discriminator is None:
            raise RuntimeError("the generator phase comes first")
        return discriminator_terms(inputs, self.discriminator.features)

    def parse(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 14 h2 w2"]:
        """Log-probabilities of the frozen parser."""
        logits: Tensor = self.network.parser(image)
        return logits.float().log_softmax(dim=1)

    def diagnostics(self) -> dict[str, float]:
        """How evenly the slots are used and how sharply they are read, over the categories that occur."""
        memory, told = self.network.memory, {}
        used = memory.usage.sum(dim=1) > 0
        if used.any():
            told["slot_entropy"] = float(slot_entropy(memory.usage)[used].mean())
        if self._read is not None:
            shares_read, present = self._read
            told["read_sharpness"] = float(read_sharpness(shares_read, present)[present.any(dim=0)].mean())
        return told

    def tables(self) -> dict[str, list[Any]]:
        """How often each slot was chosen since the memory began, by category; how sharply each category was read."""
        told: dict[str, list[Any]] = {"slot_usage": self.network.memory.usage.tolist()}
        if self._read is not None:
            shares_read, present = self._read
            sharpness = zip(read_sharpness(shares_read, present).tolist(), present.any(dim=0).tolist(), strict=True)
            told["sharpness"] = [round(value, 4) if seen else None for value, seen in sharpness]
        return told

    def show(self, batch: Batch, averages: Mapping[str, nn.Module]) -> list[Float[Tensor, "b 3 h w"]]:
        with evaluating(self._averaged(averages)) as network:
            output: MDRNetsOutput = network(batch.images, batch.masks, sources_of(batch))
        scale = batch.images.shape[2] // output.semantic_map.shape[1]
        semantic_map = painted(output.semantic_map).repeat_interleave(scale, 2).repeat_interleave(scale, 3)
        masked = batch.images.masked_fill(batch.masks > 0.5, 1.0)
        brought = [] if output.aligned is None else [output.aligned.face.clamp(-1, 1)]
        completed = output.completed.clamp(-1, 1)
        return [masked, *batch.views.unbind(1), output.coarse, semantic_map, *brought, completed, batch.images]

    def _averaged(self, averages: Mapping[str, nn.Module]) -> MDRNets:
        """The whole network with averaged weights where there are any; the live one stays as it is."""
        if "generator" not in averages:
            return self.network
        network = MDRNets(self.recipe.networks)
        network.load_state_dict(self.network.state_dict())
        learnt = averages["generator"].get_submodule("refined").state_dict()
        network.refined(coarse=self.config.joint).load_state_dict(learnt)
        return self.frozen(network)

    def result(self, networks: Mapping[str, nn.Module]) -> MDRNets:
        return self._averaged(networks)

    def deliver(self, result: nn.Module, out: Path) -> None:
        """The weights that `FaceInpainter.from_pretrained` and `showface evaluate` take, in `out`/weights."""
        trained = {stage.name: stage.steps for stage in self.recipe.stages}
        weights.save(out / "weights", cast(MDRNets, result), card={"recipe": self.recipe.name, "steps": trained})

    def networks_configuration(self) -> dict[str, object]:
        critics = {"discriminator": self.recipe.discriminator, "projected": self.recipe.projected}
        return {"mdrnets": self.recipe.networks, **critics}
