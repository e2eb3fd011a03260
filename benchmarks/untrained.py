"""The last stage of a recipe with untrained networks, which changes no cost, for the benchmarks of a step."""

from __future__ import annotations

import torch

from showface import recipes
from showface.data.batches import Batch, FaceSamples, batches
from showface.data.faces import FaceSource
from showface.data.mask_sets import MaskSource
from showface.features.vgg16 import VGG16
from showface.training.configuration import Recipe
from showface.training.stages.mdrnets import MDRNetsStage
from showface.training.stages.stage import NetworkT
from showface.weights import bundled


class Untrained(MDRNetsStage):
    """The stage as it is, without the results of the stages before it."""

    def finished(self, name: str, network: NetworkT) -> NetworkT:
        return self.frozen(network)

    def vgg(self) -> VGG16 | None:
        wanted = self.config.weights.perceptual or self.config.weights.style
        return self.frozen(VGG16(layers=self.config.options.perceptual_layers)) if wanted else None


def last_stage(name: str, device: torch.device) -> tuple[Recipe, Untrained, Batch]:
    """Recipe `name` on the bundled sample faces, its last stage, and a batch of it on `device`."""
    faces = FaceSource(folder=str(bundled().parent / "samples" / "faces"))
    recipe = recipes.recipe(name, (faces,), MaskSource(drawn=1.0))
    config = recipe.stages[-1]
    torch.manual_seed(0)
    stage = Untrained(recipe, config, (), device)
    batch = next(batches(FaceSamples(config.data, seed=0), batch=config.batch, first=0, last=1))
    return recipe, stage, batch.to(device)
