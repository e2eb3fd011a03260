"""A recipe with sources and critics, its finished alignment, and a batch with views."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from rich.console import Console

if TYPE_CHECKING:
    from showface.data.batches import Batch
    from showface.features.efficientnet_lite0 import EfficientNetLite0
    from showface.networks.mdrnets import MDRNets
    from showface.training.configuration import Recipe


def any_lite() -> EfficientNetLite0:
    """The layers of Lite0 without fetched weights, the same every time."""
    from showface.features.efficientnet_lite0 import EfficientNetLite0

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        return EfficientNetLite0()


@contextmanager
def unfetched() -> Iterator[None]:
    """Inside, Lite0 has random weights in place of the published ones."""
    from showface.features.efficientnet_lite0 import EfficientNetLite0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EfficientNetLite0, "pretrained", any_lite)
        yield


@pytest.fixture
def lite_unfetched() -> Iterator[None]:
    """Lite0 is `unfetched`."""
    with unfetched():
        yield


@pytest.fixture(scope="session")
def sourced_recipe(tiny_recipe: Recipe, sourced_network: MDRNets) -> Recipe:
    """The tiny recipe with sources: parts of faces are hidden, most samples have a view, critics on Lite0 judge."""
    from showface.losses.configuration import LossWeights
    from showface.networks.projected_discriminator import ProjectedDiscriminatorConfig

    coarse, parser, reconstruction, last = tiny_recipe.stages
    data = replace(last.data, views=0.9, masks=replace(last.data.masks, parts=0.5))
    weights = LossWeights(
        valid=0.0, hole=0.5, perceptual=0.0, style=0.0, adversarial=0.0, tv=0.0, semantic=0.0, intra=0.0, inter=0.0,
        projected=0.5, projected_matching=0.5, component=0.5, component_matching=0.5,
    )  # fmt: skip
    return replace(
        tiny_recipe,
        networks=replace(sourced_network.config, parser=tiny_recipe.networks.parser),
        projected=ProjectedDiscriminatorConfig(width=4, heads=(4, 4, 4, 4), sizes=(1e-3, 1e-3, 1e-3, 1e-3)),
        stages=(
            coarse, parser, reconstruction, replace(coarse, name="alignment", data=data),
            replace(last, data=data, weights=weights),
        ),
    )  # fmt: skip


@pytest.fixture(scope="session")
def sourced_run(sourced_recipe: Recipe, finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of `sourced_recipe` whose last stage has still to come; not to be changed."""
    from showface.training.run import train

    out = tmp_path_factory.mktemp("runs") / "sourced"
    for stage in ("coarse", "face_parser"):
        shutil.copytree(finished_run / stage, out / stage)
    with unfetched():
        console = Console(file=io.StringIO())
        train(sourced_recipe, out, stages=("alignment",), device=torch.device("cpu"), console=console)
    return out


@pytest.fixture
def viewed_batch(sourced_recipe: Recipe) -> Batch:
    """Three faces, two with a view, under holes over both eyes and the mouth."""
    from showface.data.batches import FaceSamples, batches

    samples = FaceSamples(sourced_recipe.stage("mdrnets").data, seed=0)
    made = next(batches(samples, batch=3, first=0, last=1))
    masks, hidden = torch.zeros_like(made.masks), torch.zeros(3, 1, 1, 64, 64)
    masks[..., 20:56, 16:48] = 1
    hidden[2] = 1
    generator = torch.Generator().manual_seed(0)
    views = (torch.rand(3, 1, 3, 64, 64, generator=generator) * 2 - 1) * (1 - hidden)
    return replace(made, masks=masks, views=views, hidden=hidden)
