"""Stage "alignment": how sources come onto the face, and where what they show serves (networks/source_alignment.py).

Each face's mirror image and, where samples bring them, further views of the person are warped onto it. The flow learns
from the true pictures, also where the network sees holes; the confidence from whether the frozen Lite0 finds the face
nearer the truth with what a source shows or with what the coarse network draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from showface.data.batches import Batch
from showface.errors import SettingError
from showface.features.efficientnet_lite0 import EfficientNetLite0
from showface.layers.regions import downsample_semantic_map
from showface.losses.sources import confidence_loss, flow_roughness, nearer, registration_loss
from showface.networks.coarse import CoarseNetwork, coarse_face
from showface.networks.face_parser import FaceParser
from showface.networks.source_alignment import Aligned, SourceAlignment, shown_in_hole, warp
from showface.networks.sources import Sources, with_mirror
from showface.semantics import CATEGORY_COUNT, region_categories
from showface.training.configuration import Recipe, StageConfig
from showface.training.stages.stage import BOXES, Losses, Phase, Stage, evaluating

ELSEWHERE = 0.15  # how much a cell counts that is none of the face's
REGIONS = {"face": 1.0, "ears": 0.7, "nose": 2.0, "eyes": 3.0, "brows": 3.0, "mouth": 3.0}  # the later ones decide
HIDDEN = 4.0  # how much more a hidden cell counts
ROUGHNESS = 0.1
MAPS = 2  # of Lite0's, the finest


class AlignmentStage(Stage):
    """One phase, on what the finished coarse network draws."""

    def __init__(self, recipe: Recipe, config: StageConfig, runs: tuple[Path, ...], device: torch.device) -> None:
        super().__init__(recipe, config, runs, device)
        if recipe.networks.sources is None or recipe.networks.parser is None:
            raise SettingError(f"recipe {recipe.name!r} has no sources, or no parser of its own, to align them by")
        self.network = SourceAlignment(recipe.networks.sources)
        self.started(self.network, BOXES["alignment"])
        self.learning(self.network)
        self.coarse = self.finished("coarse", CoarseNetwork(recipe.networks.coarse))
        self.parser = self.finished("face_parser", FaceParser(recipe.networks.parser))
        self.lite = self.frozen(EfficientNetLite0.pretrained())
        self.importance = importance().to(device)

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("alignment", self.network, self.losses, self.config.optimiser),)

    def losses(self, batch: Batch) -> Losses:
        further, mask = sources_of(batch), batch.masks
        with torch.no_grad():
            coarse = coarse_face(self.coarse, batch.images, mask)
        sources = with_mirror(coarse, mask, further)
        aligned: Aligned = self.network(coarse, mask, sources)
        flow, count = aligned.flow.flatten(0, 1), sources.count
        # ---- the flow, by the true pictures
        images, hidden = with_mirror(batch.images, torch.zeros_like(mask), further).flat()
        warped = warp(F.avg_pool2d(torch.cat([images, 1 - hidden], dim=1), 2), flow)
        weight = F.interpolate(self._importance_of(batch.images, mask), size=warped.shape[2:], mode="nearest")
        truth, weight = (x.repeat_interleave(count, dim=0) for x in (F.avg_pool2d(batch.images, 2), weight))
        registered = registration_loss(warped[:, :3], truth, weight * (warped[:, 3:] > 0.9))
        # ---- the confidence, by what Lite0 sees
        with torch.no_grad():
            likely, counted = self._nearer(aligned, coarse, batch.images, mask)
        terms = {
            "registration": registered.mean(),
            "roughness": ROUGHNESS * flow_roughness(flow),
            "confidence": confidence_loss(aligned.logits.flatten(0, 1), likely, counted),
        }
        return terms | {"total": torch.stack(list(terms.values())).sum()}

    def _importance_of(
        self, images: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]
    ) -> Float[Tensor, "b 1 h2 w2"]:
        """How much each cell of the true faces counts for the flow."""
        with torch.no_grad():
            semantic_map = self.parser(images).argmax(dim=1)
        size = (mask.shape[2] // 4, mask.shape[3] // 4)
        cells = self.importance[downsample_semantic_map(semantic_map, size)][:, None]
        return cells * (1 + (HIDDEN - 1) * F.adaptive_avg_pool2d(mask, size))

    def _nearer(
        self, aligned: Aligned, coarse: Tensor, truth: Tensor, mask: Tensor
    ) -> tuple[Float[Tensor, "n 1 h w"], Float[Tensor, "n 1 h w"]]:
        """For each source, whether it brings the hole nearer the truth, and where it shows anything."""
        count, size = aligned.pictures.shape[1], (aligned.logits.shape[3], aligned.logits.shape[4])
        each = coarse.repeat_interleave(count, dim=0), mask.repeat_interleave(count, dim=0)
        visible = aligned.visible.flatten(0, 1)
        face = shown_in_hole(*each, aligned.pictures.flatten(0, 1), visible)
        seen, coarsely, true = (self.lite((x.float() + 1) / 2)[:MAPS] for x in (face, coarse, truth))
        without, wanted = ([x.repeat_interleave(count, dim=0) for x in maps] for maps in (coarsely, true))
        counted = F.adaptive_avg_pool2d(each[1] * visible, size)
        return nearer(seen, without, wanted, size), (counted > 0.5).float()

    def show(self, batch: Batch, averages: Mapping[str, nn.Module]) -> list[Float[Tensor, "b 3 h w"]]:
        with evaluating(averages.get("alignment", self.network)) as network:
            coarse = coarse_face(self.coarse, batch.images, batch.masks)
            aligned: Aligned = network(coarse, batch.masks, with_mirror(coarse, batch.masks, sources_of(batch)))
        masked = batch.images.masked_fill(batch.masks > 0.5, 1.0)
        share = (2 * aligned.share - 1).expand(-1, 3, -1, -1)
        return [
            masked,
            coarse,
            *aligned.pictures.clamp(-1, 1).unbind(1),
            share,
            aligned.face.clamp(-1, 1),
            batch.images,
        ]

    def result(self, networks: Mapping[str, nn.Module]) -> nn.Module:
        return networks["alignment"]

    def networks_configuration(self) -> dict[str, object]:
        networks = self.recipe.networks
        return {"alignment": networks.sources, "coarse": networks.coarse}


def sources_of(batch: Batch) -> Sources | None:
    """The further pictures of the person that the samples of a batch bring along."""
    return Sources(batch.views, batch.hidden) if batch.views.shape[1] and not batch.hidden.all() else None


def importance() -> Float[Tensor, " n"]:
    """How much a cell of each category counts."""
    found = torch.full((CATEGORY_COUNT,), ELSEWHERE)
    for region, weight in REGIONS.items():
        found[list(region_categories(region))] = weight
    return found
