"""Recipe "base": the paper's layout at half the width, in tens of minutes on a GPU."""

from __future__ import annotations

from dataclasses import replace

from showface.data.batches import DataConfig
from showface.data.faces import FaceSource
from showface.data.mask_sets import MaskSource
from showface.losses.configuration import ObjectiveOptions
from showface.networks.profiles import base as base_networks
from showface.networks.reconstruction import ReconstructionConfig
from showface.recipes.compact import labelled
from showface.recipes.paper import COARSE_LOSSES, RECONSTRUCTION_LOSSES
from showface.training.configuration import OptimiserConfig, Recipe, StageConfig

FINE_TUNED_FROM = 0.8  # share of the coarse network's steps after which its encoder's norms are frozen


def base(faces: tuple[FaceSource, ...], masks: MaskSource) -> Recipe:
    """Quality on a GPU, tolerable on a CPU; the parser learns from the labels of `faces`.

        showface train base --data faces.json --masks irregular_masks/ --out runs/base

    Hardware: one data-centre GPU with 40 GB. Hours: about one by the count of operations, not measured yet.
    Score: not measured yet.
    """
    data = DataConfig(faces=faces, masks=masks)
    fast = OptimiserConfig(lr=4e-4, betas=(0.9, 0.99), weight_decay=0.01, warmup=500, schedule="cosine", clip=1.0)
    critic = OptimiserConfig(lr=2e-4, betas=(0.5, 0.999), warmup=500, schedule="cosine")
    common = StageConfig(
        name="mdrnets", steps=12_000, batch=16, data=data, optimiser=fast, discriminator_optimiser=critic, ema=0.999,
        workers=8, log_every=50, checkpoint_every=1000, show_every=1000,
    )  # fmt: skip
    return Recipe(
        name="base",
        networks=base_networks(),
        reconstruction=ReconstructionConfig(widths=(32, 64, 128)),
        stages=(
            replace(common, name="coarse", weights=COARSE_LOSSES, frozen_norm_from=FINE_TUNED_FROM),
            replace(
                common, name="face_parser", steps=4000, batch=32, data=replace(data, faces=labelled(faces)),
                optimiser=replace(fast, lr=2e-3),
            ),
            replace(
                common, name="reconstruction", steps=4000, weights=RECONSTRUCTION_LOSSES,
                options=ObjectiveOptions(perceptual_on="composite"),
            ),
            replace(common, options=ObjectiveOptions(perceptual_on="composite")),
        ),
    )  # fmt: skip
