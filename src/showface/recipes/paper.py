"""Recipes "paper_celebahq" and "paper_ffhq": the paper's schedules (section 4.1) as method.md §12 completes them.

Adam (0.9, 0.99), learning rate 2e-4, batch 8; coarse network 100 epochs, reconstruction network 30, MDRNets 45; every
loss of section 3.5. The parser is the published BiSeNet. Deviation: bfloat16 autocast, since nothing is said of
precision and it halves the hours (`--set mdrnets.precision=fp32` turns it off).
"""

from __future__ import annotations

from dataclasses import replace

from showface.data.batches import DataConfig
from showface.data.faces import FaceSource
from showface.data.mask_sets import MaskSource
from showface.data.split import CELEBAHQ_COUNT, FFHQ_COUNT, TEST_COUNT
from showface.losses.configuration import LossWeights, ObjectiveOptions
from showface.networks.profiles import paper as paper_networks
from showface.training.configuration import OptimiserConfig, Recipe, StageConfig

BATCH = 8
COARSE_EPOCHS, RECONSTRUCTION_EPOCHS, MDRNETS_EPOCHS = 100, 30, 45
FINE_TUNED_FROM = 0.8  # share of the coarse network's steps: 80 epochs at 2e-4, 20 at 5e-5 with frozen encoder norms
COARSE_LOSSES = LossWeights(adversarial=0.0, semantic=0.0, intra=0.0, inter=0.0)
RECONSTRUCTION_LOSSES = replace(COARSE_LOSSES, hole=0.0, perceptual=0.1, style=0.0, tv=0.0)


def paper_celebahq(faces: tuple[FaceSource, ...], masks: MaskSource) -> Recipe:
    """CelebA-HQ, 28,000 training pictures.

        showface train paper_celebahq --data CelebA-HQ/ --masks irregular_masks/ --out runs/paper_celebahq

    Hardware: one data-centre GPU; the paper had four Titan Xp. Hours: not measured yet (method.md §7.2 expects two
    days on the paper's GPUs for the last stage). Score: not measured yet; the paper's own is 35.8 / 28.7 / 24.2 dB PSNR
    for 1-20 / 20-40 / 40-60 %.
    """
    return _paper("paper_celebahq", CELEBAHQ_COUNT - TEST_COUNT, faces, masks)


def paper_ffhq(faces: tuple[FaceSource, ...], masks: MaskSource) -> Recipe:
    """FFHQ, 68,000 training pictures; the coarse network is trained on them too, of which the paper says nothing.

        showface train paper_ffhq --data FFHQ/ --masks irregular_masks/ --out runs/paper_ffhq

    Hardware: one data-centre GPU. Hours: not measured yet, 2.4 times those of `paper_celebahq`. Score: not measured
    yet.
    """
    return _paper("paper_ffhq", FFHQ_COUNT - TEST_COUNT, faces, masks)


def epochs(count: int, pictures: int) -> int:
    """Optimiser steps in `count` epochs of `pictures` pictures."""
    return count * pictures // BATCH


def _paper(name: str, pictures: int, faces: tuple[FaceSource, ...], masks: MaskSource) -> Recipe:
    """Constant learning rate, no averaging, pictures whole: what is not stated is left out."""
    data = DataConfig(faces=faces, masks=masks, crop_probability=0.0)
    adam = OptimiserConfig(lr=2e-4, betas=(0.9, 0.99))
    common = StageConfig(
        name="mdrnets", steps=1, batch=BATCH, data=data, optimiser=adam, discriminator_optimiser=adam, workers=8,
        log_every=100, checkpoint_every=2000, show_every=5000,
    )  # fmt: skip
    return Recipe(
        name=name,
        networks=paper_networks(),
        stages=(
            replace(
                common, name="coarse", steps=epochs(COARSE_EPOCHS, pictures), weights=COARSE_LOSSES,
                optimiser=replace(adam, drop_at=FINE_TUNED_FROM, drop=0.25), frozen_norm_from=FINE_TUNED_FROM,
            ),
            replace(
                common, name="reconstruction", steps=epochs(RECONSTRUCTION_EPOCHS, pictures),
                weights=RECONSTRUCTION_LOSSES, options=ObjectiveOptions(perceptual_on="composite"),
            ),
            replace(common, steps=epochs(MDRNETS_EPOCHS, pictures)),
        ),
    )  # fmt: skip
