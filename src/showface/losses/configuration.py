"""What the objective is made of: the weight of each loss of section 3.5, and how the losses are measured.

The rows of Table 2 without a loss are `replace(weights, semantic=0)`, `replace(weights, intra=0)`,
`replace(weights, inter=0)`.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from showface.errors import SettingError, unknown
from showface.features.vgg16 import steps_up_to
from showface.losses.inco2 import SimilarityKind
from showface.losses.reconstruction import Average
from showface.losses.style import StyleKind

PerceptualOn = Literal["both", "composite"]


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """What each term is multiplied with; 0 = the term is not computed. The paper gives none (method.md §8)."""

    valid: int | float = 1.0
    """L1 of the raw output outside the hole."""
    hole: int | float = 6.0
    """L1 of the raw output inside the hole; the other weights of this family (Liu et al. 2018) are relative to it."""
    perceptual: int | float = 0.05
    """L1 of VGG16 features. Needs `vgg`."""
    style: int | float = 120.0
    """L1 of the Gram matrices of VGG16 features. Needs `vgg`."""
    adversarial: int | float = 0.1
    """Hinge on the composite. Needs `discriminator`."""
    projected: int | float = 0.0
    """Hinge on Lite0's features of the composite, where they touch the hole; not in the paper. Needs `projected`."""
    projected_matching: int | float = 0.0
    """Relative L1 of these features; not in the paper. Needs `looked`, as all terms on features of Lite0 do."""
    component: int | float = 0.0
    """The same hinge on close-ups of the eyes and of the mouth, summed; not in the paper. Needs `components`."""
    component_matching: int | float = 0.0
    """Relative L1 of Lite0's features of these close-ups, summed; not in the paper."""
    tv: int | float = 0.1
    """Total variation of the composite in the hole grown by one pixel."""
    ssim: int | float = 0.0
    """1 - SSIM of the composite for each share of hole; not in the paper."""
    pattern: int | float = 0.0
    """What the composite's error repeats in every cell of 4 px, the trace of a pixel shuffle; not in the paper."""
    semantic: int | float = 0.1
    """Cross-entropy of the parsed composite, to be calibrated. Needs `parser`."""
    intra: int | float = 1.0
    """Relations among the parts inside the hole, to be calibrated. Needs `encoder`."""
    inter: int | float = 1.0
    """Relations of the parts inside the hole with those outside, to be calibrated. Needs `encoder`."""

    def __post_init__(self) -> None:
        for name, weight in asdict(self).items():
            if not (math.isfinite(weight) and weight >= 0):
                raise SettingError(f"loss weight {name}: expected a finite number of at least 0, got {weight}")
        if not any(asdict(self).values()):
            raise SettingError("every loss weight is 0; expected at least one term to train with")

    @property
    def needs_vgg(self) -> bool:
        """Whether any term compares features of VGG16."""
        return bool(self.perceptual or self.style)

    @property
    def needs_discriminator(self) -> bool:
        """Whether any term asks a discriminator."""
        return bool(self.adversarial)

    @property
    def needs_projected(self) -> bool:
        """Whether any term asks the projected discriminator."""
        return bool(self.projected)

    @property
    def needs_component(self) -> bool:
        """Whether any term asks the critics of the components."""
        return bool(self.component)

    @property
    def needs_lite(self) -> bool:
        """Whether any term is on features of EfficientNet-Lite0."""
        return bool(self.projected or self.projected_matching or self.component or self.component_matching)


@dataclass(frozen=True, kw_only=True)
class ObjectiveOptions:
    """How the terms are measured, where docs/method.md leaves a choice of definition or of cost."""

    average: Average = "picture"
    """What the L1 terms are divided by: the whole "picture", or its own "region", so that all holes weigh alike."""
    squared: int | float = 0.0
    """The multiple of the squared difference that is added to the L1 terms' difference; 0 = L1 alone."""
    perceptual_on: PerceptualOn = "both"
    """Perceptual and style terms of the raw output and the composite, summed ("both"), or of the composite alone."""
    perceptual_scale: int | float = 1.0
    """VGG16 sees the pictures scaled by this factor in (0, 1]; its cost falls with the square."""
    perceptual_window: int = 0
    """VGG16 sees only the window of this side, in pixels, that hides most; 0 = the whole picture. Half the side costs
    as little as half the scale, but keeps the finest detail, and a small hole fills more of what is averaged."""
    lite_window: int = 0
    """The same for EfficientNet-Lite0 and the projected discriminator; the components are close-ups anyway."""
    perceptual_layers: tuple[str, ...] = ("pool1", "pool2", "pool3")
    """VGG16's layers that are compared; a cell of "pool4" and "pool5" sees 100 and 212 pixels, one of "pool3" 44."""
    style: StyleKind = "gram"
    """The style statistics: "gram" matrices, or the "adain" mean and deviation."""
    similarity: SimilarityKind = "cosine"
    """The entries of InCo2's matrices: "cosine" of the pooled vectors, or their "raw" product divided by its length."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.squared) and self.squared >= 0):
            raise SettingError(f"squared: expected a finite number of at least 0, got {self.squared}")
        if not 0 < self.perceptual_scale <= 1:
            raise SettingError(f"perceptual_scale: expected a factor in (0, 1], got {self.perceptual_scale}")
        halvings = sum(step.startswith("pool") for step in steps_up_to(self.perceptual_layers))
        least = max(16, math.ceil(2**halvings / self.perceptual_scale))
        if self.perceptual_window != 0 and self.perceptual_window < least:
            raise SettingError(
                f"perceptual_window: expected 0 or at least {least} pixels, got {self.perceptual_window}"
            )
        for name, value, known in (
            ("average", self.average, get_args(Average)),
            ("perceptual_on", self.perceptual_on, get_args(PerceptualOn)),
            ("style", self.style, get_args(StyleKind)),
            ("similarity", self.similarity, get_args(SimilarityKind)),
        ):
            if value not in known:
                raise SettingError(unknown(name, value, known))
