"""Recipe "smoke": all stages in about a minute, to see that everything works; the faces are not worth a look."""

from __future__ import annotations

from dataclasses import replace

from showface.data.batches import DataConfig
from showface.data.faces import FaceSource
from showface.data.mask_sets import MaskSource
from showface.losses.configuration import LossWeights
from showface.networks.coarse import CoarseConfig
from showface.networks.discriminator import DiscriminatorConfig
from showface.networks.disentangled_memory import MemoryConfig
from showface.networks.face_parser import FaceParserConfig
from showface.networks.guided_refinement import GuidedRefinementConfig
from showface.networks.mask_region_enhanced import MaskRegionConfig
from showface.networks.mdrnets import MDRNetsConfig
from showface.networks.reconstruction import ReconstructionConfig
from showface.networks.style_encoder import StyleEncoderConfig
from showface.recipes.compact import PIXELS_ONLY, labelled
from showface.training.configuration import OptimiserConfig, Recipe, StageConfig


def smoke(faces: tuple[FaceSource, ...], masks: MaskSource) -> Recipe:
    """Tiny networks on 64 px pictures. Without any label map the parser goes through its stage and learns nothing.

        showface train smoke --data faces/ --out runs/smoke

    Hardware: two CPU cores. Hours: a minute. Score: none to expect.
    """
    data = DataConfig(faces=faces, masks=masks, size=64)
    adam = OptimiserConfig(lr=1e-3, warmup=20, schedule="cosine", clip=1.0)
    common = StageConfig(
        name="mdrnets", steps=200, batch=4, data=data, optimiser=adam, discriminator_optimiser=replace(adam, lr=2e-4),
        ema=0.9, weights=PIXELS_ONLY, log_every=20, checkpoint_every=100, show_every=100,
    )  # fmt: skip
    return Recipe(
        name="smoke",
        networks=_networks(),
        reconstruction=ReconstructionConfig(fold=4, widths=(32,), kernel=3, blocks=1, decoder_norm="none"),
        discriminator=DiscriminatorConfig(width=16, fold=2),
        stages=(
            replace(common, name="coarse"),
            replace(common, name="face_parser", data=replace(data, faces=labelled(faces) or faces)),
            replace(common, name="reconstruction", weights=replace(PIXELS_ONLY, hole=0.0)),
            replace(common, weights=LossWeights(perceptual=0.0, style=0.0)),
        ),
    )


def _networks() -> MDRNetsConfig:
    """The compact profile's layout with few channels."""
    width = 16
    return MDRNetsConfig(
        coarse=CoarseConfig(
            fold=4, widths=(32, 48, 64), kernels=(3, 3, 3), strides=(1, 2, 2), encoder_blocks=(1, 1, 1),
            decoder_blocks=(1, 1), norm="none", ones=True, largest_scale=8.0,
        ),
        parser=FaceParserConfig(widths=(24, 32, 48)),
        style=StyleEncoderConfig(fold=4, widths=(16, 32), up_widths=(16,), channels=width, norm="none"),
        memory=MemoryConfig(channels=width, slots=4, decay=0.99),
        mask_region=MaskRegionConfig(channels=width, patch=2, stride=2),
        refinement=GuidedRefinementConfig(
            fold=4, encoder_widths=(32, 48), stem_kernel=3, dilations=(1, 2), decoder_widths=(32,), features=width,
            spade_hidden=16, spectral_norm=False, gate_kernel=1, padding="zeros", skips=True, residual=True,
        ),
    )  # fmt: skip
