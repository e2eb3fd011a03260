"""What every test gets: run-time checks of shapes and types, no time limits of hypothesis, a tiny MDRNets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from jaxtyping import install_import_hook

os.environ.setdefault("OMP_NUM_THREADS", "1")  # everything here is tiny: threads would only wait for each other
install_import_hook("showface", "beartype.beartype")  # before the first import of showface

if TYPE_CHECKING:
    from showface.networks.mdrnets import MDRNets, MDRNetsConfig

hypothesis.settings.register_profile("showface", deadline=None, max_examples=25, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("showface")


@pytest.fixture(scope="session")
def tiny_config() -> MDRNetsConfig:
    """MDRNets with every box in it and as few channels as they allow; milliseconds for a 64 px face."""
    from showface.networks.coarse import CoarseConfig
    from showface.networks.disentangled_memory import MemoryConfig
    from showface.networks.face_parser import FaceParserConfig
    from showface.networks.guided_refinement import GuidedRefinementConfig
    from showface.networks.mask_region_enhanced import MaskRegionConfig
    from showface.networks.mdrnets import MDRNetsConfig
    from showface.networks.style_encoder import StyleEncoderConfig

    return MDRNetsConfig(
        coarse=CoarseConfig(
            fold=4, widths=(8, 8), kernels=(3, 3), strides=(1, 2), encoder_blocks=(1, 1), decoder_blocks=(1,),
            norm="none",
        ),
        parser=FaceParserConfig(widths=(8, 8)),
        style=StyleEncoderConfig(fold=4, widths=(8, 8), up_widths=(8,), channels=8, norm="none"),
        memory=MemoryConfig(channels=8, slots=4),
        mask_region=MaskRegionConfig(channels=8, patch=2, stride=2),
        refinement=GuidedRefinementConfig(
            fold=4, encoder_widths=(8, 8), stem_kernel=3, dilations=(1, 2), decoder_widths=(8,), features=8,
            spade_hidden=8, spectral_norm=False, gate_kernel=1, padding="zeros", skips=True, residual=True,
        ),
    )  # fmt: skip


@pytest.fixture(scope="session")
def tiny_network(tiny_config: MDRNetsConfig) -> MDRNets:
    """A tiny MDRNets with random weights, in evaluation mode; not to be changed."""
    import torch

    from showface.networks.mdrnets import MDRNets

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MDRNets(tiny_config).eval()


@pytest.fixture(scope="session")
def tiny_weights(tiny_network: MDRNets, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the weights of the tiny network; not to be changed."""
    from showface import weights

    return weights.save(tmp_path_factory.mktemp("weights") / "tiny", tiny_network)
