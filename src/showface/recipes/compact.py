"""Recipe "compact": the bundled weights."""

from __future__ import annotations

from dataclasses import replace

from showface.data.batches import DataConfig
from showface.data.faces import FaceSource
from showface.data.mask_sets import MaskSource
from showface.losses.configuration import LossWeights, ObjectiveOptions
from showface.networks.discriminator import DiscriminatorConfig
from showface.networks.profiles import compact as compact_networks
from showface.training.configuration import OptimiserConfig, Recipe, StageConfig

PIXELS_ONLY = LossWeights(
    valid=1.0, hole=6.0, perceptual=0.0, style=0.0, adversarial=0.0, tv=0.0, semantic=0.0, intra=0.0, inter=0.0
)
SHARP = replace(PIXELS_ONLY, valid=0.2, hole=2.0, ssim=0.05, perceptual=0.03, style=1.2, pattern=100.0)
JUDGING = ObjectiveOptions(
    average="region", squared=1.0, perceptual_on="composite", perceptual_window=128,
    perceptual_layers=("pool1", "pool2", "pool3", "pool4", "pool5"),
)  # fmt: skip


REAL = replace(
    PIXELS_ONLY, valid=0.0, hole=1.0, projected=0.04, projected_matching=1.0, component=0.015, component_matching=0.5,
)  # fmt: skip


def labelled(faces: tuple[FaceSource, ...]) -> tuple[FaceSource, ...]:
    """The pictures that a parser can learn from: those with a label map."""
    return tuple(replace(source, labelled_only=True) for source in faces if source.labels)


def compact(faces: tuple[FaceSource, ...], masks: MaskSource) -> Recipe:
    """The coarse network and the parser, then how sources come onto the face, then all that is behind them.

        showface train compact --data faces.json --masks masks/ --same-person people.csv --out runs/compact

    The last two stages leave what comes before them as it is; most of their masks hide whole parts of the face.

    Hardware: two CPU cores. Hours: five to nine in all, by the processor; most of it the coarse network.
    Score: docs/results.md and docs/occlusions.md; the bundled coarse network and parser were trained longer
    (history/releases.json).
    """
    data = DataConfig(faces=faces, masks=masks)
    people = replace(data, masks=replace(masks, parts=0.65), views=0.5)
    fast = OptimiserConfig(lr=8e-4, betas=(0.9, 0.99), weight_decay=0.01, warmup=200, schedule="cosine", clip=1.0)
    return Recipe(
        name="compact",
        networks=compact_networks(),
        discriminator=DiscriminatorConfig(width=48, fold=2),
        stages=(
            StageConfig(
                name="coarse", steps=5800, data=data, optimiser=replace(fast, method="muon"), ema=0.998,
                weights=replace(PIXELS_ONLY, valid=0.2, hole=2.0, ssim=0.05),
                options=ObjectiveOptions(average="region", squared=0.5),
            ),
            StageConfig(
                name="face_parser", steps=800, batch=16, ema=0.998, data=replace(data, faces=labelled(faces)),
                optimiser=replace(fast, lr=2e-3), workers=1,
            ),
            StageConfig(
                name="alignment", steps=900, ema=0.99, data=people,
                optimiser=replace(fast, lr=2e-3, warmup=30),
            ),
            StageConfig(
                name="mdrnets", steps=1600, ema=0.998, data=people, log_every=25,
                optimiser=OptimiserConfig(
                    lr=4e-4, betas=(0.5, 0.99), weight_decay=0.01, warmup=50, schedule="cosine", clip=1.0,
                ),
                discriminator_optimiser=OptimiserConfig(lr=4e-4, betas=(0.0, 0.99), warmup=50),
                weights=REAL, options=ObjectiveOptions(average="region", lite_window=160),
            ),
        ),
    )  # fmt: skip
