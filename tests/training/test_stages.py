"""The stages' own parts: showing changes nothing, norms freeze, the shares of the objective, the published parser."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from showface import assets
from showface.data.batches import NO_LABEL, Batch, FaceSamples, batches
from showface.features.vgg16 import VGG16
from showface.losses.configuration import LossWeights
from showface.masks import composite
from showface.networks.bisenet import BiSeNet, BiSeNetParser
from showface.semantics import PALETTE
from showface.training.configuration import Recipe
from showface.training.settings import with_settings
from showface.training.stages.coarse import CoarseStage
from showface.training.stages.face_parser import FaceParserStage, blurred, painted
from showface.training.stages.judging import shares
from showface.training.stages.mdrnets import MDRNetsStage
from showface.training.stages.stage import evaluating

pytestmark = pytest.mark.slow  # whole trainings, of tiny networks

CPU = torch.device("cpu")


@pytest.fixture
def batch(tiny_recipe: Recipe) -> Batch:
    samples = FaceSamples(tiny_recipe.stage("coarse").data, seed=0)
    return next(batches(samples, batch=3, first=0, last=1))


def coarse_with_norms(recipe: Recipe, tmp_path: Path, *settings: str) -> CoarseStage:
    recipe = with_settings(recipe, ("networks.coarse.norm=batch", *settings))
    return CoarseStage(recipe, recipe.stage("coarse"), (tmp_path,), CPU)


def mdrnets(recipe: Recipe, run: Path, *settings: str) -> MDRNetsStage:
    recipe = with_settings(recipe, settings)
    torch.manual_seed(0)
    return MDRNetsStage(recipe, recipe.stage("mdrnets"), (run,), CPU)


def state_of(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def modes_of(module: nn.Module) -> list[bool]:
    return [part.training for part in module.modules()]


def test_showing_leaves_running_statistics_and_modes_alone(tiny_recipe: Recipe, tmp_path: Path, batch: Batch) -> None:
    stage = coarse_with_norms(tiny_recipe, tmp_path, "coarse.frozen_norm_from=0.5")
    stage.before_step(2)
    state, modes = state_of(stage.network), modes_of(stage.network)
    stage.show(batch, {})
    assert modes_of(stage.network) == modes and True in modes and False in modes
    assert all(torch.equal(tensor, state[name]) for name, tensor in stage.network.state_dict().items())


def test_showing_leaves_the_last_stage_as_it_was(finished_run: Path, tiny_recipe: Recipe, batch: Batch) -> None:
    stage = mdrnets(tiny_recipe, finished_run)
    state, modes = state_of(stage.network), modes_of(stage.network)
    masked, coarse, semantic_map, completed, truth = stage.show(batch, {})
    assert masked.shape == coarse.shape == semantic_map.shape == completed.shape == truth.shape
    assert modes_of(stage.network) == modes
    assert all(torch.equal(tensor, state[name]) for name, tensor in stage.network.state_dict().items())


def test_the_encoders_norms_freeze_for_the_fine_tuning(tiny_recipe: Recipe, tmp_path: Path, batch: Batch) -> None:
    stage = coarse_with_norms(tiny_recipe, tmp_path, "coarse.frozen_norm_from=0.5")  # of four steps
    for step, moves in ((0, True), (1, True), (2, False), (3, False)):
        before = state_of(stage.network)
        stage.before_step(step)
        stage.losses(batch)
        changed = {
            name.split(".")[0]
            for name, tensor in stage.network.state_dict().items()
            if not torch.equal(tensor, before[name])
        }
        assert changed == ({"encoder", "decoder"} if moves else {"decoder"}), step


def test_evaluating_restores_the_modes_after_an_error() -> None:
    network = nn.Sequential(nn.BatchNorm2d(2).eval(), nn.Dropout())
    with pytest.raises(RuntimeError), evaluating(network) as inner:
        assert not any(part.training for part in inner.modules()) and not torch.is_grad_enabled()
        raise RuntimeError
    assert modes_of(network) == [True, False, True]


# ---------------------------------------------------------------------------------------------- the objective's shares


def test_shares_part_the_objective() -> None:
    whole = LossWeights()
    pixels, networks = shares(whole)
    assert pixels is not None and networks is not None
    assert {name for name, weight in asdict(pixels).items() if weight} == {"valid", "hole", "tv"}
    assert {
        name: a + b for (name, a), b in zip(asdict(pixels).items(), asdict(networks).values(), strict=True)
    } == asdict(whole)
    assert shares(replace(whole, valid=0.0, hole=0.0, tv=0.0))[0] is None
    assert shares(pixels) == (pixels, None)


def test_auxiliary_of_the_whole_batch_changes_nothing(finished_run: Path, tiny_recipe: Recipe, batch: Batch) -> None:
    whole = mdrnets(tiny_recipe, finished_run).generator_losses(batch)
    apart = mdrnets(tiny_recipe, finished_run, "mdrnets.auxiliary=3").generator_losses(batch)
    assert whole.keys() == apart.keys()
    for name, value in whole.items():
        assert torch.allclose(value, apart[name], atol=1e-5), name


def test_auxiliary_pictures_alone_are_judged_by_networks(finished_run: Path, tiny_recipe: Recipe, batch: Batch) -> None:
    stage = mdrnets(tiny_recipe, finished_run, "mdrnets.auxiliary=2")
    terms = stage.generator_losses(batch)
    assert len(stage.judged[batch.part].truth) == 2
    whole = mdrnets(tiny_recipe, finished_run).generator_losses(batch)
    for name in ("valid", "hole", "tv"):
        assert torch.equal(terms[name], whole[name]), name
    for name in ("semantic", "adversarial"):
        assert not torch.equal(terms[name], whole[name]), name


def test_auxiliary_pictures_alone_are_judged_by_vgg_in_the_coarse_stage(
    tiny_recipe: Recipe, tmp_path: Path, batch: Batch
) -> None:
    seen: list[int] = []

    def trunk(pictures: Tensor) -> list[Tensor]:
        seen.append(len(pictures))
        return [pictures.mean(dim=1, keepdim=True)]

    def terms(auxiliary: int) -> dict[str, Tensor]:
        recipe = with_settings(tiny_recipe, ("coarse.weights.perceptual=0.0", f"coarse.auxiliary={auxiliary}"))
        torch.manual_seed(0)
        stage = CoarseStage(recipe, recipe.stage("coarse"), (tmp_path,), CPU)
        stage.trunk = trunk  # type: ignore[assignment]  # in place of VGG16
        stage.config = with_settings(
            recipe, ("coarse.weights.perceptual=0.1", "coarse.options.perceptual_on=composite")
        ).stage("coarse")
        return stage.losses(batch)

    whole, some = terms(0), terms(2)
    assert seen == [3, 3, 2, 2]  # completions and truth, of all three pictures and of two
    assert whole.keys() == some.keys()
    assert torch.equal(whole["hole"], some["hole"])
    assert not torch.equal(whole["perceptual"], some["perceptual"])
    assert torch.allclose(some["total"], torch.stack([some[name] for name in some if name != "total"]).sum())


def test_vgg_is_asked_for_the_layers_of_the_recipe(
    tiny_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VGG16, "pretrained", VGG16)  # the same layers without fetched weights
    settings = ("coarse.weights.perceptual=0.1", 'coarse.options.perceptual_layers=["pool2","pool4"]')
    recipe = with_settings(tiny_recipe, settings)
    trunk = CoarseStage(recipe, recipe.stage("coarse"), (tmp_path,), CPU).trunk
    assert trunk is not None and trunk.layers == ("pool2", "pool4")


def test_without_losses_that_need_them_networks_are_not_built(finished_run: Path, tiny_recipe: Recipe) -> None:
    stage = mdrnets(
        tiny_recipe, finished_run, "mdrnets.weights.adversarial=0", "mdrnets.weights.intra=0", "mdrnets.weights.inter=0"
    )
    assert stage.discriminator is None and stage.encoder is None and stage.trunk is None
    assert [phase.name for phase in stage.phases()] == ["generator"]


def test_phases_share_no_parameter(finished_run: Path, tiny_recipe: Recipe) -> None:
    stage = mdrnets(tiny_recipe, finished_run)
    generator, discriminator = ({id(p) for p in phase.network.parameters()} for phase in stage.phases())
    frozen = {
        id(p) for part in (stage.network.coarse, stage.network.parser, stage.encoder) if part for p in part.parameters()
    }
    assert generator and discriminator and frozen
    assert not (generator & discriminator or generator & frozen or discriminator & frozen)


# ---------------------------------------------------------------------------------------------- parsers


def test_the_paper_profile_trains_with_the_published_parser(
    finished_run: Path, tiny_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = BiSeNet()
    torch.save(published.state_dict(), tmp_path / "published.pth")
    monkeypatch.setattr(assets, "path", {"bisenet": tmp_path / "published.pth"}.__getitem__)
    recipe = replace(tiny_recipe, networks=replace(tiny_recipe.networks, parser=None))
    parser = MDRNetsStage(recipe, recipe.stage("mdrnets"), (finished_run,), CPU).network.parser
    assert isinstance(parser, BiSeNetParser)
    for name, tensor in published.state_dict().items():
        assert torch.equal(parser.bisenet.state_dict()[name], tensor), name
    assert not any(part.training for part in parser.modules())
    assert not any(p.requires_grad for p in parser.parameters())


def test_maps_are_painted_in_the_palette_and_unlabelled_pixels_white() -> None:
    classes = torch.tensor([[[0, 1, 13, NO_LABEL]]])
    pixels = ((painted(classes)[0, :, 0].T + 1) * 127.5).round().numpy().astype(np.uint8)
    assert pixels.tolist() == [list(PALETTE[0]), list(PALETTE[1]), list(PALETTE[13]), [255, 255, 255]]


def test_blurring_keeps_flat_colours_and_removes_stripes() -> None:
    flat = torch.full((1, 3, 32, 32), 0.3)
    assert torch.allclose(blurred(flat), flat)
    stripes = torch.ones(1, 3, 32, 32)
    stripes[..., ::2] = -1
    assert torch.allclose(blurred(stripes), torch.zeros(1, 3, 32, 32), atol=1e-6)


@pytest.mark.parametrize("count", [1, 3])
def test_every_other_picture_is_blurred_in_its_hole_in_parts_too(
    tiny_recipe: Recipe, tmp_path: Path, batch: Batch, count: int
) -> None:
    stage = FaceParserStage(tiny_recipe, tiny_recipe.stage("face_parser"), (tmp_path,), CPU)
    seen: list[Tensor] = []
    stage.network.register_forward_pre_hook(lambda network, inputs: seen.append(inputs[0]))
    for part in batch.parts(count):
        stage.losses(part)
    sharp, unclear = batch.images, composite(batch.images, blurred(batch.images), batch.masks)
    expected = torch.stack([(unclear if number % 2 else sharp)[number] for number in range(len(sharp))])
    assert torch.equal(torch.cat(seen), expected) and not torch.equal(expected, sharp)
