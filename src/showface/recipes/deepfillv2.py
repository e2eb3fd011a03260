"""Recipe "deepfillv2": the baseline of Yu et al. 2019 as published, on as many pictures as MDRNets sees."""

from __future__ import annotations

from showface.baselines.deepfillv2 import DeepFillV2Config
from showface.data.batches import DataConfig
from showface.data.faces import FaceSource
from showface.data.mask_sets import MaskSource
from showface.data.split import CELEBAHQ_COUNT, TEST_COUNT
from showface.losses.configuration import LossWeights
from showface.networks.discriminator import DiscriminatorConfig
from showface.recipes.paper import COARSE_EPOCHS, MDRNETS_EPOCHS
from showface.training.configuration import OptimiserConfig, Recipe, StageConfig

BATCH = 16
EPOCHS = COARSE_EPOCHS + MDRNETS_EPOCHS  # what MDRNets' coarse and last stage see together, of the same pictures
L1_AND_HINGE = LossWeights(
    valid=1.0, hole=1.0, perceptual=0.0, style=0.0, adversarial=1.0, tv=0.0, semantic=0.0, intra=0.0, inter=0.0
)


def deepfillv2(faces: tuple[FaceSource, ...], masks: MaskSource) -> Recipe:
    """Gated convolutions and contextual attention against SN-PatchGAN; Adam 1e-4 (0.5, 0.999), batch 16.

        showface train deepfillv2 --data CelebA-HQ/ --masks irregular_masks/ --out runs/deepfillv2

    Hardware: one data-centre GPU. Hours: not measured yet. Score: not measured yet. A CPU core learns from 4
    pictures/s at 128 px, from 8 with `--set baseline.width=24 --set discriminator.width=32`; a run of a quarter of an
    hour is in history/reproduce.md.
    """
    adam = OptimiserConfig(lr=1e-4, betas=(0.5, 0.999))
    return Recipe(
        name="deepfillv2",
        baseline=DeepFillV2Config(),
        discriminator=DiscriminatorConfig(kind="snpatch"),
        stages=(
            StageConfig(
                name="deepfillv2", steps=EPOCHS * (CELEBAHQ_COUNT - TEST_COUNT) // BATCH, batch=BATCH,
                data=DataConfig(faces=faces, masks=masks, crop_probability=0.0), optimiser=adam,
                discriminator_optimiser=adam, weights=L1_AND_HINGE, workers=8, log_every=100, checkpoint_every=2000,
                show_every=5000,
            ),
        ),
    )  # fmt: skip
