"""Inception-v3 as FID wants it: its quirks, its folded normalisation, and the published program itself."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from showface import assets
from showface.errors import AssetError, WeightsError
from showface.features.inception import EPSILON, Convolution, InceptionFeatures, average_pool, block_8, to_signal
from showface.features.torchscript import read_tensors


def random_state(network: InceptionFeatures) -> dict[str, Tensor]:
    """As in the published file: one entry of four tensors a convolution, in order."""
    rng = torch.Generator().manual_seed(0)
    state = {}
    convolutions = [module for module in network.modules() if isinstance(module, Convolution)]
    for i, module in enumerate(convolutions):
        channels = module.out_channels
        state |= {
            f"layer{i}.weight": torch.randn(module.weight.shape, generator=rng) / module.weight[0].numel() ** 0.5,
            f"layer{i}.beta": torch.randn(channels, generator=rng) * 0.1,
            f"layer{i}.mean": torch.randn(channels, generator=rng) * 0.1,
            f"layer{i}.var": torch.rand(channels, generator=rng) + 0.5,
        }
    return state


@pytest.fixture(scope="module")
def network() -> InceptionFeatures:
    return InceptionFeatures.from_state(random_state(InceptionFeatures()))


def random_pictures(count: int, side: int = 40) -> Tensor:
    return torch.randint(0, 256, (count, 3, side, side), generator=torch.manual_seed(0), dtype=torch.uint8)


def test_ninety_four_convolutions_of_the_published_size() -> None:
    network = InceptionFeatures()
    convolutions = [module for module in network.modules() if isinstance(module, Convolution)]
    assert len(convolutions) == 94
    parameters = sum(module.weight.numel() + 2 * module.out_channels for module in convolutions)
    assert parameters == 21_785_568  # as published, with scale and shift of the normalisation


def test_features_do_not_depend_on_the_batch(network: InceptionFeatures) -> None:
    pictures = random_pictures(3)
    together = network(pictures)
    assert together.shape == (3, 2048) and together.dtype == torch.float32
    assert together.std(dim=0).max() > 0
    alone = torch.cat([network(picture[None]) for picture in pictures.flip(0)]).flip(0)
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)


def test_normalisation_is_folded_into_the_convolution() -> None:
    rng = torch.Generator().manual_seed(0)
    convolution = Convolution(5, 4, 3, stride=2, padding=1)
    state = {f"x.{name}": torch.rand(4, generator=rng) for name in ("beta", "mean", "var")}
    state["x.weight"] = torch.randn(4, 5, 3, 3, generator=rng)
    convolution.load(state, "x")
    image = torch.randn(2, 5, 9, 9, generator=rng)
    plain = F.conv2d(image, state["x.weight"], stride=2, padding=1)
    mean, var, beta = (state[f"x.{name}"].view(1, -1, 1, 1) for name in ("mean", "var", "beta"))
    expected = F.relu((plain - mean) / (var + EPSILON).sqrt() + beta)
    torch.testing.assert_close(convolution(image), expected, rtol=1e-5, atol=1e-6)


def test_averages_do_not_count_what_lies_outside() -> None:
    ones = torch.ones(1, 1, 5, 5)
    torch.testing.assert_close(average_pool()(ones), ones)


def test_the_last_block_pools_by_maximum_and_the_one_before_by_mean() -> None:
    network = InceptionFeatures()
    before, last = network.trunk[16], network.trunk[17]
    assert [way.ways[3][0].__class__.__name__ for way in (before, last)] == ["AvgPool2d", "MaxPool2d"]
    block = block_8(2, pool=torch.nn.MaxPool2d(3, stride=1, padding=1))
    assert block(torch.rand(1, 2, 8, 8)).shape == (1, 2048, 8, 8)


def test_resizing_is_bilinear_with_half_pixel_centres() -> None:
    pictures = random_pictures(1, side=64)
    x = ((np.arange(299) + 0.5) * 64 / 299 - 0.5).clip(0, 63)
    low = np.floor(x).astype(int)
    high, share = np.minimum(low + 1, 63), x - low
    levels = pictures[0].numpy().astype(float)
    rows = levels[:, low] * (1 - share)[:, None] + levels[:, high] * share[:, None]
    both = rows[:, :, low] * (1 - share) + rows[:, :, high] * share
    np.testing.assert_allclose(to_signal(pictures)[0].numpy(), both / 127.5 - 1, atol=1e-5)


def test_unfit_weights_are_refused(network: InceptionFeatures) -> None:
    state = random_state(network)
    with pytest.raises(WeightsError, match="expected shape"):
        InceptionFeatures.from_state(state | {"layer3.weight": torch.zeros(80, 64, 3, 3)})
    with pytest.raises(WeightsError, match=r"layer93\.var"):
        InceptionFeatures.from_state({name: value for name, value in state.items() if name != "layer93.var"})
    with pytest.raises(WeightsError, match="expected 94 convolutions, got 93"):
        InceptionFeatures.from_state({name: value for name, value in state.items() if name != "layer93.weight"})


@pytest.mark.filterwarnings("ignore:`torch.jit.load` is deprecated:DeprecationWarning")
def test_published_weights_give_what_the_published_program_gives() -> None:
    file = assets.cache_folder() / assets.ASSETS["inception"].file
    if not file.exists():
        pytest.skip("the Inception weights are not in the cache folder")
    pictures = random_pictures(2, side=256)
    pictures[1, :, 80:] = 200
    with torch.no_grad():
        theirs = torch.jit.load(str(file), map_location="cpu")(to_signal(pictures))
    torch.testing.assert_close(InceptionFeatures.pretrained()(pictures), theirs, rtol=0, atol=1e-5)
    assert 0.2 < theirs.mean() < 0.5


# ---------------------------------------------------------------------------------------------- the file


class Pair(torch.nn.Module):
    """Something small with a parameter, a buffer and a child."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(3, 2)
        self.register_buffer("second", torch.arange(4.0).view(2, 2).T)

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_tensors_of_a_file_are_read_without_torch(tmp_path: Path) -> None:
    module = Pair()
    torch.jit.save(torch.jit.script(module), str(tmp_path / "pair.pt"))
    found = read_tensors(tmp_path / "pair.pt")
    assert found.keys() == module.state_dict().keys()
    for name, value in module.state_dict().items():
        assert found[name].equal(value)


class Payload:
    """Would leave a file behind if it were run."""

    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.sentinel,)


def test_no_code_of_a_file_runs(tmp_path: Path) -> None:
    sentinel, file = tmp_path / "ran", tmp_path / "bad.pt"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("bad/data.pkl", pickle.dumps(Payload(sentinel)))
    with pytest.raises(AssetError, match="is not admitted"):
        read_tensors(file)
    assert not sentinel.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"text"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.pt").write_bytes(content)
    with pytest.raises(AssetError, match="delete it"):
        read_tensors(tmp_path / "bad.pt")
