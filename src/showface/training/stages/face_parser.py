"""Stage "face_parser": our own parser, on true labels where there are any and BiSeNet's elsewhere (method.md §3).

It will read coarse faces, so every other picture is blurred inside the hole, as a coarse completion is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from showface.data.batches import NO_LABEL, Batch
from showface.errors import DataError, SettingError
from showface.losses.parsing import labelled_cells, parsing_loss
from showface.masks import composite
from showface.networks.face_parser import FaceParser, FaceParserConfig
from showface.semantics import PALETTE
from showface.training.configuration import Recipe, StageConfig
from showface.training.distributed.processes import process_mean
from showface.training.stages.stage import BOXES, Losses, Phase, Stage, evaluating


class FaceParserStage(Stage):
    """Cross-entropy on the merged classes."""

    def __init__(self, recipe: Recipe, config: StageConfig, runs: tuple[Path, ...], device: torch.device) -> None:
        super().__init__(recipe, config, runs, device)
        self.parser = parser_of(recipe, config)
        self.network = FaceParser(self.parser)
        self.started(self.network, BOXES["face_parser"])
        self.learning(self.network)
        self.compiled(self.network)
        self._mass: Tensor | None = None  # labelled cells of an average part of the batch

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("face_parser", self.network, self.losses, self.config.optimiser, survey=self.survey),)

    def survey(self, parts: Sequence[Batch]) -> None:
        """Count the labelled cells of all parts, by which the loss of each is divided."""
        scale = self.parser.fold // self.parser.finer  # picture pixels per side of a cell of the logits
        size = (parts[0].labels.shape[1] // scale, parts[0].labels.shape[2] // scale)
        counts = [labelled_cells(part.labels, size, ignore=NO_LABEL) for part in parts]
        self._mass = process_mean(torch.stack(counts).mean())

    def losses(self, batch: Batch) -> Losses:
        images, numbers = batch.images.clone(), batch.part.numbers(len(batch.images) * batch.part.count)
        if chosen := [place for place, number in enumerate(numbers) if number % 2]:  # every other one stays sharp
            sharp = batch.images[chosen]
            images[chosen] = composite(sharp, blurred(sharp), batch.masks[chosen])
        loss = parsing_loss(self.network(images).float(), batch.labels, ignore=NO_LABEL, mass=self._mass)
        return {"parsing": loss, "total": loss}

    def show(self, batch: Batch, averages: Mapping[str, nn.Module]) -> list[Float[Tensor, "b 3 h w"]]:
        size = (batch.images.shape[2], batch.images.shape[3])
        with evaluating(averages.get("face_parser", self.network)) as network:
            logits = F.interpolate(network(batch.images).float(), size=size, mode="bilinear")
        return [batch.images, painted(logits.argmax(dim=1)), painted(batch.labels)]

    def result(self, networks: Mapping[str, nn.Module]) -> nn.Module:
        return networks["face_parser"]

    def networks_configuration(self) -> dict[str, object]:
        return {"parser": self.parser}


def parser_of(recipe: Recipe, config: StageConfig) -> FaceParserConfig:
    """The layout of the parser, once it is sure that this stage can teach it."""
    if recipe.networks.parser is None:
        raise SettingError(f"recipe {recipe.name} uses the published BiSeNet: it has no face_parser stage")
    if not config.data.faces:
        raise DataError(
            "stage face_parser learns from label maps, and no source of faces has any; add a folder labels/ beside "
            "images/, made by `showface data labels` for instance"
        )
    return recipe.networks.parser


def blurred(images: Float[Tensor, "b 3 h w"], factor: int = 8) -> Float[Tensor, "b 3 h w"]:
    """Averaged over `factor` x `factor` cells and interpolated: the detail that a coarse completion lacks."""
    small = F.avg_pool2d(images, factor)
    return F.interpolate(small, scale_factor=float(factor), mode="bilinear")


def painted(classes: Int64[Tensor, "b h w"]) -> Float[Tensor, "b 3 h w"]:
    """A semantic map as pictures in [-1, 1], one colour per category, white where there is no label."""
    colours = torch.tensor([*PALETTE, (255, 255, 255)], device=classes.device)
    index = classes.clamp(max=len(PALETTE))
    return colours[index].permute(0, 3, 1, 2).float() / 127.5 - 1
