"""The three profiles: one code, three configurations."""

from __future__ import annotations

from collections.abc import Callable

from showface.errors import SettingError, unknown
from showface.networks.coarse import CoarseConfig
from showface.networks.disentangled_memory import MemoryConfig
from showface.networks.face_parser import FaceParserConfig
from showface.networks.guided_refinement import GuidedRefinementConfig
from showface.networks.mask_region_enhanced import MaskRegionConfig
from showface.networks.mdrnets import MDRNetsConfig
from showface.networks.source_alignment import SourceAlignmentConfig
from showface.networks.style_encoder import StyleEncoderConfig


def paper() -> MDRNetsConfig:
    """The paper as method.md §12 makes it precise: about 370 GMAC and 50 M parameters for a 256 px face."""
    return MDRNetsConfig()


def base() -> MDRNetsConfig:
    """The paper's layout at half the width (method.md §7.2, "lite"), with our own parser."""
    width = 128
    return MDRNetsConfig(
        parser=FaceParserConfig(),
        style=StyleEncoderConfig(up_widths=(width,), channels=width),
        memory=MemoryConfig(
            slots=32, channels=width, decay=0.99, temperature=0.1, temperature_unit="spread", reseed_after=20,
        ),
        mask_region=MaskRegionConfig(channels=width),
        refinement=GuidedRefinementConfig(
            encoder_widths=(32, 64, 128), decoder_widths=(128, 64), features=width, spade_hidden=64,
            skips=True, residual=True,
        ),
    )  # fmt: skip


def compact() -> MDRNetsConfig:
    """The bundled default: everything at a quarter of the resolution, at most 14 GMAC and 12 M parameters."""
    width = 64
    return MDRNetsConfig(
        coarse=CoarseConfig(
            fold=4, widths=(96, 160, 224, 256), kernels=(3, 3, 3, 3), strides=(1, 2, 2, 2),
            encoder_blocks=(1, 1, 1, 1), decoder_blocks=(1, 1, 1), norm="none", ones=True,
            largest_scale=4.0, fill="input",
        ),
        parser=FaceParserConfig(),
        style=StyleEncoderConfig(fold=4, widths=(64, 128), up_widths=(64,), channels=width, norm="none"),
        memory=MemoryConfig(
            slots=32, channels=width, decay=0.99, temperature=0.1, temperature_unit="spread", reseed_after=20,
            personal=True,
        ),
        mask_region=MaskRegionConfig(
            channels=width, patch=2, stride=2, details=True,
        ),
        refinement=GuidedRefinementConfig(
            fold=4, encoder_widths=(64, 128), stem_kernel=3, dilations=(1, 2, 4, 8, 1), decoder_widths=(128,),
            features=width, spade_hidden=48, spectral_norm=False, gate_kernel=1, padding="zeros", skips=True,
            residual=True, sources=True, thin=17,
        ),
        sources=SourceAlignmentConfig(),
    )  # fmt: skip


PROFILES: dict[str, Callable[[], MDRNetsConfig]] = {"paper": paper, "base": base, "compact": compact}


def profile(name: str) -> MDRNetsConfig:
    """The configuration called `name`."""
    if name not in PROFILES:
        raise SettingError(unknown("profile", name, PROFILES))
    return PROFILES[name]()
