from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from showface.errors import SettingError
from showface.losses.adversarial import discriminator_hinge, generator_hinge
from showface.losses.inco2 import inter_loss, intra_loss
from showface.losses.objective import (
    LossWeights,
    ObjectiveInputs,
    ObjectiveOptions,
    discriminator_terms,
    fullest_windows,
    generator_terms,
)
from showface.losses.perceptual import perceptual_loss
from showface.losses.style import style_loss
from showface.losses.total_variation import total_variation_loss
from showface.networks.discriminator import Discriminator, DiscriminatorConfig

NAMES = tuple(field.name for field in fields(LossWeights))
EVERY = replace(LossWeights(), ssim=0.3, pattern=5, feature_matching=2)


def weights_of(**given: float) -> LossWeights:
    """All weights zero but those given."""
    return LossWeights(**{name: given.get(name, 0.0) for name in NAMES})


def inputs_of(seed: int = 0, *, requires_grad: bool = False, with_map: bool = True, side: int = 16) -> ObjectiveInputs:
    generator = torch.Generator().manual_seed(seed)
    truth, raw = 2 * torch.rand(2, 2, 3, side, side, generator=generator) - 1
    raw.requires_grad_(requires_grad)
    mask = torch.zeros(2, 1, side, side)
    mask[..., 2:12, 3:11] = 1
    semantic_map = torch.zeros(2, side, side, dtype=torch.int64)
    semantic_map[:, 8:] = 1
    return ObjectiveInputs(
        raw=raw,
        completed=(1 - mask) * truth + mask * raw,
        truth=truth,
        mask=mask,
        semantic_map=semantic_map if with_map else None,
    )


class Trunk:
    """A stand-in for VGG16 that remembers what it was called with."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self.with_gradient: list[bool] = []
        self.extremes: list[tuple[float, float]] = []

    def __call__(self, image: Tensor) -> Sequence[Tensor]:
        self.shapes.append(tuple(image.shape))
        self.with_gradient.append(torch.is_grad_enabled())
        self.extremes.append((image.min().item(), image.max().item()))
        return [F.avg_pool2d(image, 2), F.avg_pool2d(image, 4) ** 2]


def encoder(image: Tensor) -> Tensor:
    return F.avg_pool2d(image, 2)


def parser(image: Tensor) -> Tensor:
    logits = torch.cat([F.avg_pool2d(image, 2) * k for k in (1, 2, 3, 4, 5)], dim=1)[:, :14]
    return logits.log_softmax(dim=1)


def discriminator(image: Tensor, mask: Tensor) -> list[Tensor]:
    features = F.avg_pool2d(image * (1 + mask), 2)
    return [features, F.avg_pool2d(features.sum(dim=1, keepdim=True), 4)]


def refused(*_: Tensor) -> Any:
    raise AssertionError("a term of weight 0 was computed")


def test_defaults_are_the_documented_family() -> None:
    expected = dict(
        valid=1, hole=6, perceptual=0.05, style=120, adversarial=0.1, tv=0.1, semantic=0.1, intra=1, inter=1
    )
    expected |= dict(ssim=0, pattern=0, feature_matching=0)
    assert asdict(LossWeights()) == expected


def test_every_term_is_named_weighted_and_summed() -> None:
    inputs, weights = inputs_of(), EVERY
    terms = generator_terms(inputs, weights, vgg=Trunk(), encoder=encoder, parser=parser, discriminator=discriminator)
    assert set(terms) == {*NAMES, "total"}
    assert all(value.dtype == torch.float32 and value.shape == () for value in terms.values())
    torch.testing.assert_close(terms["total"], sum((terms[name] for name in NAMES), torch.zeros(())))
    hole = (inputs.mask * (inputs.raw - inputs.truth).abs()).mean()
    torch.testing.assert_close(terms["hole"], 6 * hole)
    torch.testing.assert_close(terms["tv"], 0.1 * total_variation_loss(inputs.completed, inputs.mask))
    torch.testing.assert_close(
        terms["adversarial"], 0.1 * generator_hinge(discriminator(inputs.completed, inputs.mask)[-1])
    )


def test_feature_terms_are_those_of_raw_and_composite() -> None:
    inputs, trunk = inputs_of(), Trunk()
    terms = generator_terms(inputs, weights_of(perceptual=0.05, style=120), vgg=trunk)
    raw, completed, truth = (Trunk()((image + 1) / 2) for image in (inputs.raw, inputs.completed, inputs.truth))
    perceptual = perceptual_loss(raw, truth) + perceptual_loss(completed, truth)
    torch.testing.assert_close(terms["perceptual"], 0.05 * perceptual)
    torch.testing.assert_close(terms["style"], 120 * (style_loss(raw, truth) + style_loss(completed, truth)))
    only = generator_terms(
        inputs, weights_of(perceptual=1), vgg=Trunk(), options=ObjectiveOptions(perceptual_on="composite")
    )
    torch.testing.assert_close(only["perceptual"], perceptual_loss(completed, truth))


def test_trunk_runs_once_with_gradient_and_once_without_on_unit_range() -> None:
    trunk = Trunk()
    generator_terms(inputs_of(requires_grad=True), weights_of(perceptual=1, style=1), vgg=trunk)
    assert trunk.shapes == [(4, 3, 16, 16), (2, 3, 16, 16)]
    assert trunk.with_gradient == [True, False]
    assert all(0 <= low < 0.1 and 0.9 < high <= 1 for low, high in trunk.extremes)


def test_trunk_sees_scaled_pictures() -> None:
    trunk = Trunk()
    options = ObjectiveOptions(perceptual_on="composite", perceptual_scale=0.5)
    generator_terms(inputs_of(), weights_of(perceptual=1), vgg=trunk, options=options)
    assert trunk.shapes == [(2, 3, 8, 8), (2, 3, 8, 8)]


def test_trunk_sees_the_window_that_hides_most_of_every_picture() -> None:
    truth = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(2, 1, 64, 64)
    mask[0, :, 40:60, 20:30] = 1
    mask[1, :, 0:4, 60:64] = 1
    raw = truth + 0.1
    inputs = ObjectiveInputs(raw=raw, completed=torch.where(mask > 0, raw, truth), truth=truth, mask=mask)
    corners = fullest_windows(mask, 32)
    for (top, left), hole in zip(corners, mask, strict=True):
        assert hole[:, top : top + 32, left : left + 32].sum() == hole.sum()
        assert 0 <= top <= 32 and 0 <= left <= 32
    trunk, seen = Trunk(), ObjectiveOptions(perceptual_on="composite", perceptual_window=32)
    terms = generator_terms(inputs, weights_of(perceptual=1), vgg=trunk, options=seen)
    assert trunk.shapes == [(2, 3, 32, 32), (2, 3, 32, 32)]
    whole = generator_terms(inputs, weights_of(perceptual=1), vgg=Trunk(), options=replace(seen, perceptual_window=0))
    difference = F.avg_pool2d((inputs.completed - truth) / 2, 2).abs()
    first = [difference[i, :, y // 2 : y // 2 + 16, x // 2 : x // 2 + 16] for i, (y, x) in enumerate(corners)]
    assert terms["perceptual"] > torch.stack(first).mean() > 0  # the trunk's first layer is that mean
    assert terms["perceptual"] > 3.5 * whole["perceptual"]  # the same hole in a quarter of the picture


def test_windows_lie_differently_on_cells_of_four_pixels() -> None:
    mask = torch.zeros(8, 1, 256, 256)
    for number, hole in enumerate(mask):
        hole[:, 50:90, 17 * number : 17 * number + 128] = 1
    corners = fullest_windows(mask, 128)
    assert {left % 4 for _, left in corners} == {0, 1, 2, 3}


def test_a_window_larger_than_the_picture_is_the_picture() -> None:
    options = ObjectiveOptions(perceptual_window=512)
    terms = generator_terms(inputs_of(), weights_of(perceptual=1, style=2), vgg=Trunk(), options=options)
    whole = generator_terms(inputs_of(), weights_of(perceptual=1, style=2), vgg=Trunk())
    torch.testing.assert_close(terms, whole)


@pytest.mark.parametrize("side", [-1, 8])
def test_a_window_too_small_for_the_trunk_is_refused(side: int) -> None:
    with pytest.raises(SettingError, match="perceptual_window: expected 0 or at least 16 pixels"):
        ObjectiveOptions(perceptual_window=side)


def test_encoder_and_parser_see_the_truth_without_gradient() -> None:
    modes: list[tuple[str, bool]] = []

    def noted(name: str, network: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        def call(image: Tensor) -> Tensor:
            modes.append((name, torch.is_grad_enabled()))
            return network(image)

        return call

    networks: dict[str, Any] = {"encoder": noted("encoder", encoder), "parser": noted("parser", parser)}
    generator_terms(inputs_of(with_map=False), weights_of(semantic=1, intra=1, inter=1), **networks)
    assert sorted(modes) == [("encoder", False), ("encoder", True), ("parser", False), ("parser", True)]


@pytest.mark.parametrize("size", [16, 8])
def test_inco2_terms_at_feature_size(size: int) -> None:
    inputs = inputs_of()
    step, labels = 16 // size, inputs.semantic_map
    assert labels is not None
    terms = generator_terms(
        replace(inputs, semantic_map=labels[:, ::step, ::step]),
        weights_of(intra=2, inter=3),
        encoder=encoder,
    )
    regions = torch.zeros(2, 14, 8, 8)
    regions[:, 0, :4], regions[:, 1, 4:] = 1, 1
    share = F.avg_pool2d(inputs.mask, 2)
    pair = encoder(inputs.completed), encoder(inputs.truth)
    torch.testing.assert_close(terms["intra"], 2 * intra_loss(*pair, regions, share))
    torch.testing.assert_close(terms["inter"], 3 * inter_loss(*pair, regions, share))
    assert terms["inter"] > 0


def test_semantic_term_follows_the_given_map_or_the_parser() -> None:
    inputs = inputs_of(with_map=False)
    labels = parser(inputs.truth).argmax(dim=1)
    expected = F.nll_loss(parser(inputs.completed), labels)
    terms = generator_terms(inputs, weights_of(semantic=1), parser=parser)
    torch.testing.assert_close(terms["semantic"], expected)
    given = generator_terms(inputs_of(), weights_of(semantic=1), parser=parser)
    assert given["semantic"] != expected


def test_semantic_term_in_the_hole_alone() -> None:
    inputs, options = inputs_of(), ObjectiveOptions(semantic_on="hole")
    terms = generator_terms(inputs, weights_of(semantic=1), parser=parser, options=options)
    labels = inputs.semantic_map
    assert labels is not None
    surprise = F.nll_loss(parser(inputs.completed), labels[:, ::2, ::2], reduction="none")
    hole = F.avg_pool2d(inputs.mask, 2)[:, 0] >= 0.5
    torch.testing.assert_close(terms["semantic"], surprise[hole].mean())


@pytest.mark.parametrize("name", NAMES)
def test_a_zero_weight_removes_its_term_and_its_cost(name: str) -> None:
    networks: dict[str, Any] = {
        "vgg": Trunk(), "encoder": encoder, "parser": parser, "discriminator": discriminator
    }  # fmt: skip
    if name == "semantic":
        networks["parser"] = refused
    terms = generator_terms(inputs_of(), replace(EVERY, **{name: 0}), **networks)
    assert set(terms) == {*NAMES, "total"} - {name}


def test_without_its_two_terms_the_discriminator_is_not_asked() -> None:
    weights = replace(EVERY, adversarial=0, feature_matching=0)
    terms = generator_terms(inputs_of(), weights, vgg=Trunk(), encoder=encoder, parser=parser, discriminator=refused)
    assert set(terms) == {*NAMES, "total"} - {"adversarial", "feature_matching"}


def test_pixel_terms_need_no_network() -> None:
    weights = weights_of(valid=1, hole=6, tv=0.1)
    terms = generator_terms(inputs_of(), weights, vgg=refused, encoder=refused, parser=refused, discriminator=refused)
    assert set(terms) == {"valid", "hole", "tv", "total"}


@pytest.mark.parametrize(
    ("name", "network"),
    [("perceptual", "vgg"), ("style", "vgg"), ("adversarial", "discriminator"),
     ("feature_matching", "discriminator"), ("semantic", "parser"),
     ("intra", "encoder"), ("inter", "encoder")],
)  # fmt: skip
def test_a_missing_network_is_named(name: str, network: str) -> None:
    with pytest.raises(SettingError, match=network):
        generator_terms(inputs_of(), weights_of(**{name: 1.0}))


def test_inco2_without_map_and_parser_is_refused() -> None:
    with pytest.raises(SettingError, match="semantic map or parser"):
        generator_terms(inputs_of(with_map=False), weights_of(intra=1), encoder=encoder)


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
def test_bad_weights_are_refused(bad: float) -> None:
    with pytest.raises(SettingError, match="style"):
        LossWeights(style=bad)


def test_all_zero_weights_and_bad_options_are_refused() -> None:
    with pytest.raises(SettingError, match="every loss weight is 0"):
        weights_of()
    with pytest.raises(SettingError, match="perceptual_scale"):
        ObjectiveOptions(perceptual_scale=0)
    with pytest.raises(SettingError, match="r1"):
        ObjectiveOptions(r1=-1.0)
    with pytest.raises(SettingError, match="'pool9'; did you mean"):
        ObjectiveOptions(perceptual_layers=("pool1", "pool9"))
    with pytest.raises(SettingError, match="at least one VGG16 layer"):
        ObjectiveOptions(perceptual_layers=())
    with pytest.raises(SettingError, match="at least 64 pixels, got 48"):
        ObjectiveOptions(perceptual_layers=("relu1_1", "pool5"), perceptual_scale=0.5, perceptual_window=48)
    ObjectiveOptions(perceptual_layers=("relu5_3",), perceptual_scale=0.5, perceptual_window=32)  # four poolings


@pytest.mark.parametrize("name", NAMES)
def test_each_term_sends_a_finite_gradient_to_the_raw_output(name: str) -> None:
    inputs = inputs_of(requires_grad=True)
    terms = generator_terms(
        inputs, weights_of(**{name: 1.0}), vgg=Trunk(), encoder=encoder, parser=parser, discriminator=discriminator
    )
    (gradient,) = torch.autograd.grad(terms["total"], inputs.raw)
    assert gradient.isfinite().all() and gradient.abs().sum() > 0


def test_perfect_completion_costs_nothing_but_the_opinions() -> None:
    inputs = inputs_of()
    perfect = replace(inputs, raw=inputs.truth, completed=inputs.truth)
    weights = replace(EVERY, adversarial=0, semantic=0, tv=0)
    terms = generator_terms(perfect, weights, vgg=Trunk(), encoder=encoder, discriminator=discriminator)
    assert terms["total"].item() == 0


@pytest.mark.parametrize("hole", [0.0, 1.0])
def test_extreme_masks_stay_finite(hole: float) -> None:
    inputs = inputs_of()
    inputs = replace(inputs, mask=torch.full_like(inputs.mask, hole))
    terms = generator_terms(
        inputs, EVERY, vgg=Trunk(), encoder=encoder, parser=parser, discriminator=discriminator,
        options=ObjectiveOptions(semantic_on="hole"),
    )  # fmt: skip
    assert all(value.isfinite() for value in terms.values())


def test_bfloat16_outputs_under_autocast() -> None:
    inputs = inputs_of()
    low = replace(inputs, raw=inputs.raw.bfloat16(), completed=inputs.completed.bfloat16())
    convolution = torch.nn.Conv2d(3, 4, 3, stride=2, padding=1)
    networks: dict[str, Any] = {
        "vgg": lambda image: [convolution(image)], "encoder": convolution, "parser": parser,
        "discriminator": discriminator,
    }  # fmt: skip
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = generator_terms(low, EVERY, **networks)
    full = generator_terms(inputs, EVERY, **networks)
    for name, value in terms.items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, full[name], rtol=0.05, atol=0.02)


def test_discriminator_loss_is_the_hinge_and_spares_the_generator() -> None:
    inputs = inputs_of(requires_grad=True)
    scale = torch.ones((), requires_grad=True)
    terms = discriminator_terms(inputs, lambda image, mask: [scale * x for x in discriminator(image, mask)])
    real, fake = (discriminator(image, inputs.mask)[-1] for image in (inputs.truth, inputs.completed))
    assert set(terms) == {"total"}
    torch.testing.assert_close(terms["total"], discriminator_hinge(real, fake))
    terms["total"].backward()
    assert scale.grad is not None and inputs.raw.grad is None


def test_the_gradient_penalty_is_that_of_the_true_pictures_alone() -> None:
    inputs = inputs_of(requires_grad=True)
    scale = torch.ones((), requires_grad=True)
    terms = discriminator_terms(inputs, lambda image, mask: [scale * x for x in discriminator(image, mask)], r1=0.5)
    # each logit is the sum over colours of the mean over 64 pixels of picture times 1 + mask
    slope = (scale * (1 + inputs.mask) / 64).expand_as(inputs.truth)
    torch.testing.assert_close(terms["r1"], 0.5 * 0.5 * slope.square().sum(dim=(1, 2, 3)).mean())
    torch.testing.assert_close(terms["total"], terms["hinge"] + terms["r1"])
    (gradient,) = torch.autograd.grad(terms["r1"], scale, retain_graph=True)
    torch.testing.assert_close(gradient, 2 * terms["r1"])  # it falls with the square of the discriminator's scale
    terms["total"].backward()
    assert inputs.raw.grad is None and inputs.truth.grad is None


def test_features_are_matched_in_one_call_so_a_perfect_completion_costs_nothing() -> None:
    """In a second call spectral norms would have made another power iteration."""
    torch.manual_seed(0)
    network, inputs = Discriminator(DiscriminatorConfig(width=4)).train(), inputs_of(side=32)
    perfect = replace(inputs, raw=inputs.truth, completed=inputs.truth)
    terms = generator_terms(perfect, weights_of(feature_matching=1), discriminator=network.features)
    assert terms["total"].item() == 0
    assert generator_terms(inputs, weights_of(feature_matching=1), discriminator=network.features)["total"] > 0


def test_only_matched_features_send_the_truth_through_the_discriminator() -> None:
    seen: list[int] = []

    def counted(image: Tensor, mask: Tensor) -> list[Tensor]:
        seen.append(len(image))
        return discriminator(image, mask)

    inputs = inputs_of(requires_grad=True)
    generator_terms(inputs, weights_of(adversarial=1), discriminator=counted)
    both = generator_terms(inputs, weights_of(adversarial=1, feature_matching=1), discriminator=counted)
    assert seen == [2, 4]
    alone = generator_terms(inputs, weights_of(adversarial=1), discriminator=discriminator)
    torch.testing.assert_close(both["adversarial"], alone["adversarial"])


def test_the_gradient_penalty_is_in_float32_under_autocast() -> None:
    torch.manual_seed(0)
    network, inputs = Discriminator(DiscriminatorConfig(width=4)).eval(), inputs_of(side=32)
    expected = discriminator_terms(inputs, network.features, r1=1.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = discriminator_terms(inputs, network.features, r1=1.0)
    assert expected["r1"] > 0 and torch.equal(found["r1"], expected["r1"])


def test_features_are_matched_without_the_logits() -> None:
    inputs = inputs_of()
    terms = generator_terms(inputs, weights_of(feature_matching=2.0), discriminator=discriminator)
    assert set(terms) == {"feature_matching", "total"}
    ours, truth = (discriminator(image, inputs.mask)[0] for image in (inputs.completed, inputs.truth))
    torch.testing.assert_close(terms["feature_matching"], 2.0 * (ours - truth).abs().mean())
