"""Recipe "compact": the bundled weights."""

from __future__ import annotations

from dataclasses import replace

from showface.data.batches import DataConfig
from showface.data.faces import FaceSource
from showface.data.mask_sets import MaskSource
from showface.losses.objective import LossWeights, ObjectiveOptions
from showface.networks.discriminator import DiscriminatorConfig
from showface.networks.profiles import compact as compact_networks
from showface.networks.reconstruction import ReconstructionConfig
from showface.training.configuration import OptimiserConfig, Recipe, StageConfig

PIXELS_ONLY = LossWeights(
    valid=1.0, hole=6.0, perceptual=0.0, style=0.0, adversarial=0.0, tv=0.0, semantic=0.0, intra=0.0, inter=0.0
)


def labelled(faces: tuple[FaceSource, ...]) -> tuple[FaceSource, ...]:
    """The pictures that a parser can learn from: those with a label map."""
    return tuple(replace(source, labelled_only=True) for source in faces if source.labels)


def compact(faces: tuple[FaceSource, ...], masks: MaskSource) -> Recipe:
    """Short schedules with warm-up, cosine decay and averaged weights; L1 alone before the last stage.

        showface train compact --data faces.json --masks masks/ --out runs/compact

    Hardware: two CPU cores. Hours: one and a half in all; coarse 47 minutes, parser 8, reconstruction 3, mdrnets 27.
    Score: 33.3 / 25.9 / 22.1 dB PSNR on 200 held-out faces, 1-20 / 20-40 / 40-60 % hidden; coarse alone up to 0.3 more.
    """
    data = DataConfig(faces=faces, masks=masks)
    fast = OptimiserConfig(lr=8e-4, betas=(0.9, 0.99), weight_decay=0.01, warmup=200, schedule="cosine", clip=1.0)
    return Recipe(
        name="compact",
        networks=compact_networks(),
        reconstruction=ReconstructionConfig(fold=4, widths=(64,), kernel=3, blocks=3, decoder_norm="none"),
        discriminator=DiscriminatorConfig(width=48, fold=2),
        stages=(
            StageConfig(
                name="coarse", steps=2600, data=data, optimiser=fast, ema=0.998, weights=PIXELS_ONLY,
            ),
            StageConfig(
                name="face_parser", steps=800, batch=16, ema=0.998, data=replace(data, faces=labelled(faces)),
                optimiser=replace(fast, lr=2e-3), workers=1,
            ),
            StageConfig(
                name="reconstruction", steps=300, data=data, optimiser=fast, weights=replace(PIXELS_ONLY, hole=0.0),
            ),
            StageConfig(
                name="mdrnets", steps=850, auxiliary=2, ema=0.995, data=data,
                optimiser=replace(fast, lr=1e-3, warmup=100),
                discriminator_optimiser=OptimiserConfig(lr=2e-4, betas=(0.5, 0.999), warmup=100, schedule="cosine"),
                weights=LossWeights(
                    valid=0.2, hole=2.0, perceptual=0.02, style=1.0, adversarial=0.02, tv=0.02, semantic=0.02,
                    intra=0.1, inter=0.1,
                ),
                options=ObjectiveOptions(average="region", perceptual_on="composite", perceptual_scale=0.5),
            ),
        ),
    )  # fmt: skip
