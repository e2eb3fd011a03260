"""The objective of section 3.5: the weighted sum of all losses, named; a term whose weight is 0 is never computed.

Equation 8 is the sum of the terms "intra" and "inter". The weights are those of `losses/configuration.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from showface.errors import SettingError
from showface.layers.regions import downsample_semantic_map, one_hot
from showface.losses.adversarial import discriminator_hinge, generator_hinge
from showface.losses.components import look_at_components
from showface.losses.configuration import LossWeights, ObjectiveOptions
from showface.losses.inco2 import inter_loss, intra_loss, pair_counts
from showface.losses.pattern import pattern_loss
from showface.losses.perceptual import perceptual_loss
from showface.losses.projected import Heads, Looked, look_at, opinion, told_apart, unmatched
from showface.losses.reconstruction import reconstruction_loss
from showface.losses.semantic import semantic_loss
from showface.losses.ssim import ssim_loss
from showface.losses.style import style_loss
from showface.losses.total_variation import total_variation_loss
from showface.semantics import CATEGORY_COUNT

Network = Callable[[Tensor], Tensor]
Trunk = Callable[[Tensor], Sequence[Tensor]]
Critic = Callable[[Tensor, Tensor], Sequence[Tensor]]
Terms = dict[str, Tensor]

_N = TypeVar("_N")


@dataclass(frozen=True, kw_only=True)
class ObjectiveInputs:
    """What the losses compare: RGB pictures in [-1, 1], a mask with 1 = hole."""

    raw: Float[Tensor, "b 3 h w"]
    """The generator's output before compositing."""
    completed: Float[Tensor, "b 3 h w"]
    """The composite: the truth outside the hole, `raw` inside."""
    truth: Float[Tensor, "b 3 h w"]
    mask: Float[Tensor, "b 1 h w"]
    semantic_map: Int64[Tensor, "b hs ws"] | None = None
    """The true picture's categories, 0..13, of any size; None: the parser reads them from the truth."""


def generator_terms(
    inputs: ObjectiveInputs,
    weights: LossWeights,
    *,
    vgg: Trunk | None = None,
    encoder: Network | None = None,
    parser: Network | None = None,
    discriminator: Critic | None = None,
    looked: Mapping[str, Looked] | None = None,
    projected: Heads | None = None,
    components: Mapping[str, Heads] | None = None,
    options: ObjectiveOptions | None = None,
    counts: Mapping[str, Tensor] | None = None,
) -> Terms:
    """The weighted terms under the names of their weights, and "total", their sum: float32 scalars.

    `vgg`: RGB in [0, 1] -> features of several layers. `encoder`: RGB in [-1, 1] -> features (b, c, h', w'), the middle
    layer of the reconstruction network. `parser`: RGB in [-1, 1] -> log-probabilities (b, 14, h', w').
    `discriminator`: (RGB in [-1, 1], mask) -> features of its layers, the last being the logits. `looked`: what `look`
    gave for the same inputs and weights. `projected` and each of the `components` "eyes" and "mouth": feature maps of
    Lite0 -> a logit map for each. They are frozen by the caller; gradients pass through them.
    `counts`: where `inputs` are a part of a batch, the `term_counts` of its parts, averaged.
    """
    options, counts = options or ObjectiveOptions(), counts or {}
    asked = weights.semantic or weights.intra or weights.inter
    labels = _labels(inputs, parser) if asked else torch.empty(0)
    terms = _pixel_terms(inputs, weights, options)
    if weights.needs_vgg:
        terms |= _feature_terms(inputs, weights, _needed("vgg", vgg), options)
    if weights.needs_discriminator:
        critic = _needed("discriminator", discriminator)
        terms["adversarial"] = generator_hinge(critic(inputs.completed, inputs.mask)[-1])
    if weights.needs_lite:
        terms |= _lite_terms(weights, _needed("looked", looked), projected, components)
    if weights.semantic:
        terms["semantic"] = _semantic_term(inputs, labels, _needed("parser", parser))
    if weights.intra or weights.inter:
        terms |= _inco2_terms(inputs, labels, weights, _needed("encoder", encoder), options, counts)
    weighted = {name: getattr(weights, name) * value for name, value in terms.items()}
    return weighted | {"total": torch.stack(list(weighted.values())).sum()}


def look(
    inputs: ObjectiveInputs,
    weights: LossWeights,
    lite: Trunk,
    *,
    parser: Network | None = None,
    options: ObjectiveOptions | None = None,
) -> dict[str, Looked]:
    """What Lite0 sees of the "whole" pictures, or of their windows, and of each component, as the weights ask for it.

    It is looked once for all terms, and for the discriminators after them. `lite`: RGB in [0, 1] -> four feature maps,
    frozen by the caller; a gradient passes to the composite. `parser` as for `generator_terms`, needed for components
    without a semantic map.
    """
    pictures = inputs.completed, inputs.truth, inputs.mask
    found: dict[str, Looked] = {}
    if weights.projected or weights.projected_matching:
        side = 0 if options is None else options.lite_window
        corners = fullest_windows(inputs.mask, side) if side else []
        found["whole"] = look_at(lite, *(_windowed(each, corners, side) if side else each for each in pictures))
    if weights.component or weights.component_matching:
        found |= look_at_components(lite, *pictures, _labels(inputs, parser))
    return found


def term_counts(
    semantic_map: Int64[Tensor, "b hs ws"],
    mask: Float[Tensor, "b 1 h w"],
    weights: LossWeights,
    *,
    encoded: tuple[int, int],
) -> Terms:
    """What the terms are divided by that do not average over a fixed number of things, by their names.

    Averaged over the parts of a batch and handed to `generator_terms`, they make the losses of equally large parts
    average to that of the whole. `semantic_map` is the true picture's, `encoded` the size of what the encoder gives.
    """
    found: Terms = {}
    if weights.intra or weights.inter:
        regions = one_hot(downsample_semantic_map(semantic_map, encoded), CATEGORY_COUNT)
        found["intra"], found["inter"] = pair_counts(regions, _masked_share(mask, encoded))
    return found


def discriminator_terms(inputs: ObjectiveInputs, discriminator: Critic) -> Terms:
    """The discriminator's hinge loss as "total". True pictures and composites pass in one call; no gradient reaches the
    generator."""
    truth = inputs.truth.detach()
    pictures = torch.cat((truth, inputs.completed.detach().to(truth.dtype)))
    real, fake = discriminator(pictures, inputs.mask.repeat(2, 1, 1, 1))[-1].chunk(2)
    return {"total": discriminator_hinge(real, fake)}


def projected_discriminator_terms(
    looked: Mapping[str, Looked], *, projected: Heads | None = None, components: Mapping[str, Heads] | None = None
) -> Terms:
    """The hinge losses "projected" and "component", of the critics that are given, and "total", their sum.

    `looked`: what the generator's terms were computed from; no gradient reaches the generator.
    """
    terms: Terms = {}
    if projected is not None:
        terms["projected"] = told_apart(looked["whole"], projected)
    if components is not None:
        terms["component"] = torch.stack([told_apart(looked[name], components[name]) for name in components]).sum()
    if not terms:
        raise SettingError("expected a projected discriminator or critics of components, got none; pass one of them")
    return terms | {"total": torch.stack(list(terms.values())).sum()}


def _needed(name: str, network: _N | None) -> _N:
    if network is None:
        raise SettingError(f"a loss of non-zero weight needs {name}, got none; pass it or set the weight to 0")
    return network


def _pixel_terms(inputs: ObjectiveInputs, weights: LossWeights, options: ObjectiveOptions) -> Terms:
    terms: Terms = {}
    if weights.valid or weights.hole:
        parts = reconstruction_loss(
            inputs.raw, inputs.truth, inputs.mask, average=options.average, squared=options.squared
        )
        terms |= {"valid": parts.valid} if weights.valid else {}
        terms |= {"hole": parts.hole} if weights.hole else {}
    if weights.tv:
        terms["tv"] = total_variation_loss(inputs.completed, inputs.mask)
    if weights.ssim:
        terms["ssim"] = ssim_loss(inputs.completed, inputs.truth, inputs.mask)
    if weights.pattern:
        terms["pattern"] = pattern_loss(inputs.completed, inputs.truth, inputs.mask)
    return terms


def _feature_terms(inputs: ObjectiveInputs, weights: LossWeights, vgg: Trunk, options: ObjectiveOptions) -> Terms:
    """Perceptual and style terms: one pass for what is learnt, one without gradient for the truth."""
    pictures = [inputs.completed] if options.perceptual_on == "composite" else [inputs.completed, inputs.raw]
    truth, side = inputs.truth, options.perceptual_window
    if side:
        corners = fullest_windows(inputs.mask, side)
        *pictures, truth = (_windowed(picture, corners, side) for picture in (*pictures, truth))
    ours = vgg(_vgg_input(torch.cat([picture.float() for picture in pictures]), options.perceptual_scale))
    with torch.no_grad():
        truths = vgg(_vgg_input(truth.float(), options.perceptual_scale))
    per_picture = list(zip(*(layer.chunk(len(pictures)) for layer in ours), strict=True))
    terms: Terms = {}
    if weights.perceptual:
        terms["perceptual"] = torch.stack([perceptual_loss(features, truths) for features in per_picture]).sum()
    if weights.style:
        styles = [style_loss(features, truths, kind=options.style) for features in per_picture]
        terms["style"] = torch.stack(styles).sum()
    return terms


def fullest_windows(mask: Float[Tensor, "b 1 h w"], side: int) -> list[tuple[int, int]]:
    """Top and left of each picture's window of `side` pixels with the largest hole, on a grid of about an eighth of it.

    The grid's step is odd, so that VGG16's own grid lies differently on the cells of a pixel shuffle every time.
    """
    step, size = side // 8 | 1, (min(side, mask.shape[2]), min(side, mask.shape[3]))
    margin = F.pad(mask.float(), (0, step - 1, 0, step - 1))  # so that the last window reaches the edge
    hidden = F.avg_pool2d(margin, size, step)  # (b, 1, rows, columns)
    places = (divmod(place, hidden.shape[3]) for place in hidden.flatten(1).argmax(1).tolist())
    bottom, right = mask.shape[2] - size[0], mask.shape[3] - size[1]
    return [(min(step * row, bottom), min(step * column, right)) for row, column in places]


def _windowed(images: Tensor, corners: list[tuple[int, int]], side: int) -> Tensor:
    """The window of `side` pixels of each image at its corner."""
    windows = [image[:, y : y + side, x : x + side] for image, (y, x) in zip(images, corners, strict=True)]
    return torch.stack(windows)


def _vgg_input(image: Tensor, scale: int | float) -> Tensor:
    """[-1, 1] -> [0, 1], scaled down."""
    unit = (image + 1) / 2
    if scale == 1:
        return unit
    size = [max(1, round(side * scale)) for side in unit.shape[2:]]
    return F.interpolate(unit, size=size, mode="bilinear", antialias=True)


def _labels(inputs: ObjectiveInputs, parser: Network | None) -> Tensor:
    """The true picture's semantic map (b, h', w')."""
    if inputs.semantic_map is not None:
        return inputs.semantic_map
    with torch.no_grad():
        return _needed("a semantic map or parser", parser)(inputs.truth).argmax(dim=1)


def _lite_terms(
    weights: LossWeights,
    looked: Mapping[str, Looked],
    projected: Heads | None,
    components: Mapping[str, Heads] | None,
) -> Terms:
    """What critics on Lite0's features tell the generator, and how far the features are from those of the truth."""
    terms: Terms = {}
    if weights.projected:
        terms["projected"] = opinion(looked["whole"], _needed("projected", projected))
    if weights.projected_matching:
        terms["projected_matching"] = unmatched(looked["whole"])
    close = {name: seen for name, seen in looked.items() if name != "whole"}
    if weights.component:
        critics = _needed("components", components)
        terms["component"] = torch.stack([opinion(seen, critics[name]) for name, seen in close.items()]).sum()
    if weights.component_matching:
        terms["component_matching"] = torch.stack([unmatched(seen) for seen in close.values()]).sum()
    return terms


def _semantic_term(inputs: ObjectiveInputs, labels: Tensor, parser: Network) -> Tensor:
    log_probabilities = parser(inputs.completed)
    size = (log_probabilities.shape[2], log_probabilities.shape[3])
    return semantic_loss(log_probabilities, downsample_semantic_map(labels, size))


def _inco2_terms(
    inputs: ObjectiveInputs,
    labels: Tensor,
    weights: LossWeights,
    encoder: Network,
    options: ObjectiveOptions,
    counts: Mapping[str, Tensor],
) -> Terms:
    completed = encoder(inputs.completed)
    with torch.no_grad():
        truth = encoder(inputs.truth)
    size = (completed.shape[2], completed.shape[3])
    regions = one_hot(downsample_semantic_map(labels, size), CATEGORY_COUNT)
    share = _masked_share(inputs.mask, size)
    terms: Terms = {}
    if weights.intra:
        terms["intra"] = intra_loss(
            completed, truth, regions, share, similarity=options.similarity, count=counts.get("intra")
        )
    if weights.inter:
        terms["inter"] = inter_loss(
            completed, truth, regions, share, similarity=options.similarity, count=counts.get("inter")
        )
    return terms


def _masked_share(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """The masked share of each cell of a grid of `size`, in [0, 1]."""
    return F.adaptive_avg_pool2d(mask.float(), size)  # (b, 1, *size)
