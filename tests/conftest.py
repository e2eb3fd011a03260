"""What every test gets: run-time checks of shapes and types, no time limits of hypothesis, tiny networks and a run."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from jaxtyping import install_import_hook
from PIL import Image
from rich.console import Console

os.environ.setdefault("OMP_NUM_THREADS", "1")  # everything here is tiny: threads would only wait for each other
install_import_hook("showface", "beartype.beartype")  # before the first import of showface

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.testclient import TestClient

    from showface.data.faces import FaceSource
    from showface.networks.mdrnets import MDRNets, MDRNetsConfig
    from showface.pipeline import FaceInpainter
    from showface.training.configuration import Recipe

SIZE, STEPS = 64, 4  # of the training runs: side of the pictures, steps of a stage

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


@pytest.fixture(scope="session")
def sourced_network(tiny_config: MDRNetsConfig) -> MDRNets:
    """A tiny MDRNets that looks at sources, with random weights everywhere and filled memory; not to be changed."""
    import torch

    from showface.networks.mdrnets import MDRNets
    from showface.networks.source_alignment import SourceAlignmentConfig
    from showface.networks.source_matching import SourceMatchingConfig

    matching = SourceMatchingConfig(fold=2, widths=(8, 8, 8), judging=(8, 8), reach=2, spread=1.0)
    config = replace(
        tiny_config,
        memory=replace(tiny_config.memory, personal=True),
        mask_region=replace(tiny_config.mask_region, details=True),
        refinement=replace(tiny_config.refinement, sources=True),
        sources=SourceAlignmentConfig(matching=matching, fold=4, widths=(8, 8, 8), dilations=(1,)),
    )
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        made = MDRNets(config).eval()
        torch.nn.init.normal_(made.refinement.head.weight, std=0.05)
        torch.nn.init.normal_(made.alignment.matching.correction[-1].weight, std=0.5)
        torch.nn.init.normal_(made.alignment.confidence.weight, std=0.05)
        faces = torch.rand(4, 3, SIZE, SIZE) * 2 - 1
        made(faces, torch.zeros(4, 1, SIZE, SIZE), update_memory=True)
        made.memory.slots.add_(0.3 * torch.randn_like(made.memory.slots))  # what they hold is not what is seen
    return made


@pytest.fixture(scope="session")
def sourced_weights(sourced_network: MDRNets, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the weights of `sourced_network`; not to be changed."""
    from showface import weights

    return weights.save(tmp_path_factory.mktemp("weights") / "sourced", sourced_network)


# ---------------------------------------------------------------------------------------------- a training run


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> FaceSource:
    """Seven smooth pictures with a label map of three stripes each."""
    import numpy as np

    from showface.data.faces import FaceSource

    folder, rng = tmp_path_factory.mktemp("faces"), np.random.default_rng(0)
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    stripes = np.repeat(np.array([0, 1, 13], dtype=np.uint8), (20, 20, 24))[:, None].repeat(SIZE, axis=1)
    for number in range(7):
        colours = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
        colours.resize((SIZE, SIZE), Image.Resampling.BICUBIC).save(folder / "images" / f"{number}.png")
        Image.fromarray(np.roll(stripes, number, axis=0)).save(folder / "labels" / f"{number}.png")
    return FaceSource(folder=str(folder / "images"), labels=str(folder / "labels"))


@pytest.fixture(scope="session")
def tiny_recipe(faces: FaceSource, tiny_config: MDRNetsConfig) -> Recipe:
    """All four stages, four steps of three pictures each, in float32, with every loss that needs no VGG16."""
    from showface.data.batches import DataConfig
    from showface.data.mask_sets import MaskSource
    from showface.losses.configuration import LossWeights
    from showface.networks.discriminator import DiscriminatorConfig
    from showface.networks.face_parser import FaceParserConfig
    from showface.networks.reconstruction import ReconstructionConfig
    from showface.training.configuration import OptimiserConfig, Recipe, StageConfig

    pixels = LossWeights(perceptual=0.0, style=0.0, adversarial=0.0, tv=0.0, semantic=0.0, intra=0.0, inter=0.0)
    adam = OptimiserConfig(lr=1e-2, weight_decay=0.01, warmup=2, schedule="cosine", clip=1.0)
    common = StageConfig(
        name="mdrnets", steps=STEPS, batch=3, data=DataConfig(faces=(faces,), masks=MaskSource(drawn=1.0), size=SIZE),
        optimiser=adam, discriminator_optimiser=adam, weights=pixels, ema=0.5, precision="fp32", log_every=2,
        checkpoint_every=2, show_every=4,
    )  # fmt: skip
    return Recipe(
        name="tiny",
        networks=replace(tiny_config, parser=FaceParserConfig(widths=(8, 8))),
        reconstruction=ReconstructionConfig(fold=4, widths=(8,), kernel=3, blocks=1, decoder_norm="none"),
        discriminator=DiscriminatorConfig(width=4, fold=2),
        stages=(
            replace(common, name="coarse"),
            replace(common, name="face_parser"),
            replace(common, name="reconstruction"),
            replace(common, weights=LossWeights(perceptual=0.0, style=0.0)),
        ),
    )


@pytest.fixture
def console() -> Console:
    """Not a terminal; what was printed is `console.file.getvalue()`."""
    return Console(file=io.StringIO(), width=200)


@pytest.fixture(scope="session")
def finished_run(tiny_recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of the tiny recipe after all four stages; not to be changed."""
    import torch

    from showface.training.run import train

    out = tmp_path_factory.mktemp("runs") / "tiny"
    train(tiny_recipe, out, device=torch.device("cpu"), console=Console(file=io.StringIO()))
    return out


@pytest.fixture
def tiny_inpaint(tiny_network: MDRNets) -> FaceInpainter:
    """The pipeline with the tiny network, without a detector: square pictures count as aligned faces."""
    from showface.pipeline import FaceInpainter

    return FaceInpainter(tiny_network, device="cpu", detector="off")


@pytest.fixture
def reflecting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other side of every face has all that is hidden, whatever it looks like."""
    import numpy as np

    from showface.photo.mirror import Mirror
    from showface.photo.symmetry import Places

    def mirror_of(completed: np.ndarray, hidden: np.ndarray, *more: np.ndarray) -> Mirror:
        xs, ys = np.meshgrid(np.arange(256, dtype=np.float32), np.arange(256, dtype=np.float32))
        return Mirror(Places(255 - xs, ys), np.ones((256, 256, 3), np.float32), hidden.astype(np.float32))

    monkeypatch.setattr("showface.pipeline.inpainter.mirror_of", mirror_of)


@pytest.fixture
def service(tiny_inpaint: FaceInpainter) -> Iterator[Callable[..., TestClient]]:
    """Makes callers of services on the tiny network; their settings are the arguments."""
    from contextlib import ExitStack

    from starlette.testclient import TestClient

    from showface.web.app import create_app
    from showface.web.settings import Settings

    with ExitStack() as stack:

        def caller(**settings: object) -> TestClient:
            app = create_app(Settings(**settings), inpaint=tiny_inpaint)
            client = TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)
            return stack.enter_context(client)

        yield caller


@pytest.fixture
def running(tiny_inpaint: FaceInpainter) -> Iterator[Callable[..., tuple[str, int]]]:
    """Starts real servers on free ports of this machine's loopback, and ends them; gives host and port."""
    import threading

    from showface.web.serving import bound, server_of
    from showface.web.settings import Settings

    ends = []

    def start(**settings: object) -> tuple[str, int]:
        listening = bound("127.0.0.1", 0)
        listening.listen(64)
        server = server_of(Settings(**settings), tiny_inpaint)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        ends.append((server, thread, listening))
        return "127.0.0.1", listening.getsockname()[1]

    yield start
    for server, thread, listening in ends:
        server.should_exit = True
        thread.join(30)
        listening.close()
        assert not thread.is_alive()
