from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from showface.errors import SettingError
from showface.features.efficientnet_lite0 import EfficientNetLite0
from showface.layers.regions import one_hot
from showface.losses.adversarial import discriminator_hinge, generator_hinge
from showface.losses.configuration import LossWeights, ObjectiveOptions
from showface.losses.inco2 import inter_loss, intra_loss
from showface.losses.objective import (
    ObjectiveInputs,
    discriminator_terms,
    fullest_windows,
    generator_terms,
    look,
    projected_discriminator_terms,
)
from showface.losses.perceptual import perceptual_loss
from showface.losses.projected import opinion, told_apart, unmatched
from showface.losses.style import style_loss
from showface.losses.total_variation import total_variation_loss
from showface.networks.projected_discriminator import ProjectedDiscriminator, ProjectedDiscriminatorConfig
from showface.semantics import CATEGORIES

NAMES = tuple(field.name for field in fields(LossWeights))
ON_LITE = {"projected": 0.15, "projected_matching": 1.0, "component": 0.2, "component_matching": 0.5}
EVERY = replace(LossWeights(), ssim=0.3, pattern=5, **ON_LITE)


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


def lite(image: Tensor) -> list[Tensor]:
    return [F.avg_pool2d(image, 2), F.avg_pool2d(image, 4, ceil_mode=True) ** 2]


def heads(features: Sequence[Tensor]) -> list[Tensor]:
    return [x.mean(dim=1, keepdim=True) for x in features]


def all_terms(inputs: ObjectiveInputs, weights: LossWeights, **changes: Any) -> dict[str, Tensor]:
    """`generator_terms` with a stand-in for every network, or with what is given in its place."""
    networks: dict[str, Any] = {
        "vgg": Trunk(), "encoder": encoder, "parser": parser, "discriminator": discriminator,
        "looked": look(inputs, weights, lite, parser=parser), "projected": heads,
        "components": {"eyes": heads, "mouth": heads},
    }  # fmt: skip
    return generator_terms(inputs, weights, **(networks | changes))


def refused(*_: object) -> Any:
    raise AssertionError("a term of weight 0 was computed")


def test_defaults_are_the_documented_family() -> None:
    expected = dict(
        valid=1, hole=6, perceptual=0.05, style=120, adversarial=0.1, tv=0.1, semantic=0.1, intra=1, inter=1
    )
    expected |= dict(ssim=0, pattern=0, **dict.fromkeys(ON_LITE, 0))
    assert asdict(LossWeights()) == expected


def test_every_term_is_named_weighted_and_summed() -> None:
    inputs, weights = inputs_of(), EVERY
    terms = all_terms(inputs, weights)
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


@pytest.mark.parametrize("name", NAMES)
def test_a_zero_weight_removes_its_term_and_its_cost(name: str) -> None:
    unneeded: dict[str, dict[str, Any]] = {
        "semantic": {"parser": refused}, "projected": {"projected": refused},
        "component": {"components": {"eyes": refused, "mouth": refused}},
    }  # fmt: skip
    terms = all_terms(inputs_of(), replace(EVERY, **{name: 0}), **unneeded.get(name, {}))
    assert set(terms) == {*NAMES, "total"} - {name}


def test_without_its_term_the_discriminator_is_not_asked() -> None:
    weights = replace(EVERY, adversarial=0)
    terms = all_terms(inputs_of(), weights, discriminator=refused)
    assert set(terms) == {*NAMES, "total"} - {"adversarial"}


def test_pixel_terms_need_no_network() -> None:
    weights = weights_of(valid=1, hole=6, tv=0.1)
    terms = generator_terms(inputs_of(), weights, vgg=refused, encoder=refused, parser=refused, discriminator=refused)
    assert set(terms) == {"valid", "hole", "tv", "total"}


@pytest.mark.parametrize(
    ("name", "network"),
    [("perceptual", "vgg"), ("style", "vgg"), ("adversarial", "discriminator"),
     ("semantic", "parser"),
     ("intra", "encoder"), ("inter", "encoder"), *((name, "looked") for name in ON_LITE)],
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
    with pytest.raises(SettingError, match="squared"):
        ObjectiveOptions(squared=-1.0)
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
    terms = all_terms(inputs, weights_of(**{name: 1.0}))
    (gradient,) = torch.autograd.grad(terms["total"], inputs.raw)
    assert gradient.isfinite().all() and gradient.abs().sum() > 0


def test_perfect_completion_costs_nothing_but_the_opinions() -> None:
    inputs = inputs_of()
    perfect = replace(inputs, raw=inputs.truth, completed=inputs.truth)
    terms = all_terms(perfect, replace(EVERY, adversarial=0, semantic=0, tv=0, projected=0, component=0))
    assert terms["total"].item() == 0


@pytest.mark.parametrize("hole", [0.0, 1.0])
def test_extreme_masks_stay_finite(hole: float) -> None:
    inputs = inputs_of()
    inputs = replace(inputs, mask=torch.full_like(inputs.mask, hole))
    terms = all_terms(inputs, EVERY)
    assert all(value.isfinite() for value in terms.values())


def test_bfloat16_outputs_under_autocast() -> None:
    inputs = inputs_of()
    low = replace(inputs, raw=inputs.raw.bfloat16(), completed=inputs.completed.bfloat16())
    convolution = torch.nn.Conv2d(3, 4, 3, stride=2, padding=1)
    convolved: dict[str, Any] = {"vgg": lambda image: [convolution(image)], "encoder": convolution}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        looked = look(low, EVERY, lambda image: [convolution(image)])
        terms = all_terms(low, EVERY, looked=looked, **convolved)
    full = all_terms(inputs, EVERY, looked=look(inputs, EVERY, lambda image: [convolution(image)]), **convolved)
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


# ---------------------------------------------------------------------------------------------- features of Lite0


def test_lite_is_looked_through_once_for_each_place_and_only_if_a_term_asks() -> None:
    seen: list[tuple[tuple[int, ...], bool]] = []

    def counted(image: Tensor) -> list[Tensor]:
        seen.append((tuple(image.shape), torch.is_grad_enabled()))
        return lite(image)

    inputs = inputs_of(requires_grad=True)
    assert look(inputs, weights_of(valid=1), counted) == {} and seen == []
    assert list(look(inputs, weights_of(projected_matching=1), counted)) == ["whole"]
    assert seen == [((2, 3, 16, 16), True), ((2, 3, 16, 16), False)]
    assert list(look(inputs, weights_of(component=1), counted)) == ["eyes", "mouth"]
    assert seen[2:] == [((2, 3, *size), grad) for size in ((6, 16), (6, 10)) for grad in (True, False)]


def test_terms_on_lite_are_those_of_the_looked_at_places() -> None:
    inputs, weights = inputs_of(), weights_of(**{name: 2.0 for name in ON_LITE})
    looked = look(inputs, weights, lite)
    terms = all_terms(inputs, weights, looked=looked)
    parts = [looked["eyes"], looked["mouth"]]
    torch.testing.assert_close(terms["projected"], 2 * opinion(looked["whole"], heads))
    torch.testing.assert_close(terms["projected_matching"], 2 * unmatched(looked["whole"]))
    torch.testing.assert_close(terms["component"], 2 * sum(opinion(part, heads) for part in parts))
    torch.testing.assert_close(terms["component_matching"], 2 * sum(unmatched(part) for part in parts))


@pytest.mark.parametrize(("name", "network"), [("projected", "projected"), ("component", "components")])
def test_a_missing_critic_is_named(name: str, network: str) -> None:
    with pytest.raises(SettingError, match=f"needs {network}"):
        all_terms(inputs_of(), weights_of(**{name: 1.0}), **{network: None})


def test_what_the_weights_need() -> None:
    asked = {name: weights_of(**{name: 1.0}) for name in ("hole", *ON_LITE)}
    assert [name for name, weights in asked.items() if weights.needs_lite] == list(ON_LITE)
    assert [name for name, weights in asked.items() if weights.needs_projected] == ["projected"]
    assert [name for name, weights in asked.items() if weights.needs_component] == ["component"]


def test_components_lie_where_the_map_or_the_parser_has_them() -> None:
    inputs, weights = inputs_of(side=64, with_map=False), weights_of(component=1)
    semantic_map = torch.zeros(2, 64, 64, dtype=torch.int64)
    semantic_map[:, 8:12, 20:24] = CATEGORIES.index("eye")

    def reading(image: Tensor) -> Tensor:
        assert image is inputs.truth and not torch.is_grad_enabled()
        return one_hot(semantic_map, 14).log()

    by_map = look(replace(inputs, semantic_map=semantic_map), weights, lite)
    by_parser = look(inputs, weights, lite, parser=reading)
    usual = look(replace(inputs, semantic_map=torch.zeros_like(semantic_map)), weights, lite)
    assert torch.equal(by_parser["eyes"].truth[0], by_map["eyes"].truth[0])
    assert not torch.equal(usual["eyes"].truth[0], by_map["eyes"].truth[0])
    assert torch.equal(usual["mouth"].truth[0], by_map["mouth"].truth[0])
    with pytest.raises(SettingError, match="semantic map or parser"):
        look(inputs, weights, lite)


def test_critics_on_lite_learn_without_gradient_to_the_generator() -> None:
    inputs, scale = inputs_of(requires_grad=True), torch.ones((), requires_grad=True)
    looked = look(inputs, EVERY, lite)

    def critic(features: Sequence[Tensor]) -> list[Tensor]:
        return [scale * x for x in heads(features)]

    critics: dict[str, Any] = {"projected": critic, "components": {"eyes": critic, "mouth": critic}}
    terms = projected_discriminator_terms(looked, **critics)
    assert set(terms) == {"projected", "component", "total"}
    torch.testing.assert_close(terms["projected"], told_apart(looked["whole"], heads))
    apart = told_apart(looked["eyes"], heads) + told_apart(looked["mouth"], heads)
    torch.testing.assert_close(terms["component"], apart)
    torch.testing.assert_close(terms["total"], terms["projected"] + terms["component"])
    terms["total"].backward()
    assert inputs.raw.grad is None and scale.grad is not None and scale.grad.any()
    assert set(projected_discriminator_terms(looked, projected=critic)) == {"projected", "total"}
    with pytest.raises(SettingError, match="expected a projected discriminator or critics"):
        projected_discriminator_terms(looked)


def test_real_networks_send_gradient_to_the_picture_and_keep_none() -> None:
    torch.manual_seed(0)
    trunk, inputs = EfficientNetLite0(), inputs_of(side=64, requires_grad=True)
    mask = torch.zeros_like(inputs.mask)
    mask[..., 20:56, 16:48] = 1
    inputs = replace(inputs, mask=mask, completed=(1 - mask) * inputs.truth + mask * inputs.raw)
    config = ProjectedDiscriminatorConfig(width=4, heads=(4, 4, 4, 4))
    critics = {name: ProjectedDiscriminator(config).requires_grad_(False) for name in ("whole", "eyes", "mouth")}
    weights = weights_of(**{name: 1.0 for name in ON_LITE})
    looked = look(inputs, weights, trunk)
    parts = {name: critics[name] for name in ("eyes", "mouth")}
    terms = generator_terms(inputs, weights, looked=looked, projected=critics["whole"], components=parts)
    for name in ON_LITE:
        (gradient,) = torch.autograd.grad(terms[name], inputs.raw, retain_graph=True)
        assert gradient.isfinite().all() and gradient.any()
        assert not (gradient * (1 - inputs.mask)).any()
    assert all(p.grad is None for network in (trunk, *critics.values()) for p in network.parameters())


def test_a_hole_far_from_the_components_leaves_their_critics_a_gradient_of_zero() -> None:
    torch.manual_seed(0)
    inputs = inputs_of(side=64)
    mask = torch.zeros_like(inputs.mask)
    mask[..., :4, :4] = 1
    looked = look(replace(inputs, mask=mask), EVERY, EfficientNetLite0())
    critic = ProjectedDiscriminator(ProjectedDiscriminatorConfig(width=4, heads=(4, 4, 4, 4)))
    terms = projected_discriminator_terms(looked, components={"eyes": critic, "mouth": critic})
    assert terms["total"].item() == 0
    terms["total"].backward()
    assert all(p.grad is not None and not p.grad.any() for p in critic.parameters())
