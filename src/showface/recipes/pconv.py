"""Recipe "pconv": partial convolutions as a method of their own (Liu et al. 2018; method.md §2)."""

from __future__ import annotations

from dataclasses import replace

from showface.data.faces import FaceSource
from showface.data.mask_sets import MaskSource
from showface.data.split import CELEBAHQ_COUNT, TEST_COUNT
from showface.recipes.paper import COARSE_EPOCHS, MDRNETS_EPOCHS, epochs, paper_celebahq
from showface.training.configuration import Recipe

EPOCHS = COARSE_EPOCHS + MDRNETS_EPOCHS  # what MDRNets' coarse and last stage see together, of the same pictures


def pconv(faces: tuple[FaceSource, ...], masks: MaskSource) -> Recipe:
    """The paper's coarse network with its own losses, trained for as many pictures as all of MDRNets.

        showface train pconv --data CelebA-HQ/ --masks irregular_masks/ --out runs/pconv

    Valid 1, hole 6, perceptual 0.05, style 120, total variation 0.1; learning rate 2e-4, and for the last fifth 5e-5
    with the encoder's norms frozen. Hardware: one data-centre GPU. Hours: not measured yet. Score: not measured yet.
    A CPU core learns from 5 pictures/s at 128 px, from 8 with `--set coarse.options.perceptual_scale=0.5`; a run of a
    quarter of an hour is in history/reproduce.md.
    """
    paper = paper_celebahq(faces, masks)
    stage = replace(paper.stage("coarse"), steps=epochs(EPOCHS, CELEBAHQ_COUNT - TEST_COUNT))
    return Recipe(name="pconv", networks=paper.networks, stages=(stage,))
