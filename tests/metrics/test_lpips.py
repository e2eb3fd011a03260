"""method.md §9: LPIPS 0.1 against a plain formula, and against values of the original package."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from showface import assets
from showface.errors import ImageError, SettingError, WeightsError
from showface.features.cache import FeatureCache
from showface.features.imagenet import IMAGENET_MEAN, IMAGENET_STD
from showface.features.lpips import ASSET, CHANNELS, LPIPSNetwork
from showface.metrics.lpips import lpips

HERE = Path(__file__).parent
ALEX = ((11, 3, 64), (5, 64, 192), (3, 192, 384), (3, 384, 256), (3, 256, 256))  # kernel, in, out
VGG = tuple(
    (3, *pair)
    for pair in (
        (3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256), (256, 512), (512, 512),
        (512, 512), (512, 512), (512, 512), (512, 512),
    )
)  # fmt: skip


def random_arrays(trunk: str, seed: int = 0) -> dict[str, dict[str, dict[str, np.ndarray]]]:
    """Arrays as in the published files."""
    rng = np.random.default_rng(seed)
    layout, section = (ALEX, "AlexNet_0") if trunk == "alex" else (VGG, "VGG16_0")
    convolutions = {
        f"Conv_{i}": {
            "kernel": rng.standard_normal((k, k, c_in, c_out), np.float32) * (2 / (k * k * c_in)) ** 0.5,
            "bias": rng.standard_normal(c_out, np.float32) * 0.1,
        }
        for i, (k, c_in, c_out) in enumerate(layout)
    }
    heads = {
        f"NetLinLayer_{i}": {"Conv_0": {"kernel": rng.random((1, 1, c, 1), np.float32)}}
        for i, c in enumerate(CHANNELS[trunk])
    }
    return {section: convolutions} | heads


def random_pictures(count: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, height, width), generator=torch.manual_seed(seed), dtype=torch.uint8)


@pytest.fixture(scope="module")
def alex() -> LPIPSNetwork:
    return LPIPSNetwork.from_arrays("alex", random_arrays("alex"))


def naive_convolution(image: np.ndarray, entry: dict[str, np.ndarray], stride: int, padding: int) -> np.ndarray:
    """Image (h, w, in), one window after the other, zeros around it; then ReLU."""
    kernel, bias = entry["kernel"].astype(np.float64), entry["bias"]
    k = kernel.shape[0]
    padded = np.pad(image, ((padding, padding), (padding, padding), (0, 0)))
    rows, columns = ((side - k) // stride + 1 for side in padded.shape[:2])
    out = np.zeros((rows, columns, kernel.shape[3]))
    for y in range(rows):
        for x in range(columns):
            window = padded[y * stride : y * stride + k, x * stride : x * stride + k]
            out[y, x] = window.reshape(-1) @ kernel.reshape(-1, kernel.shape[3]) + bias
    return np.maximum(out, 0)


def naive_pool(image: np.ndarray, k: int) -> np.ndarray:
    """The maximum of windows of k, two places apart, which lie inside."""
    rows, columns = ((side - k) // 2 + 1 for side in image.shape[:2])
    return np.array(
        [[image[2 * y : 2 * y + k, 2 * x : 2 * x + k].max(axis=(0, 1)) for x in range(columns)] for y in range(rows)]
    )


def naive_activations(trunk: str, picture: np.ndarray, arrays: dict) -> list[np.ndarray]:  # type: ignore[type-arg]
    """The five layers of `picture` (3, h, w), levels."""
    x = (picture.transpose(1, 2, 0) / 255 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)
    found = []
    if trunk == "alex":
        for i, (stride, padding) in enumerate(((4, 2), (1, 2), (1, 1), (1, 1), (1, 1))):
            x = naive_pool(x, 3) if i in (1, 2) else x
            x = naive_convolution(x, arrays["AlexNet_0"][f"Conv_{i}"], stride, padding)
            found.append(x)
        return found
    ends, starts = (1, 3, 6, 9, 12), (2, 4, 7, 10)
    for i in range(13):
        x = naive_pool(x, 2) if i in starts else x
        x = naive_convolution(x, arrays["VGG16_0"][f"Conv_{i}"], 1, 1)
        if i in ends:
            found.append(x)
    return found


def naive_lpips(trunk: str, picture: np.ndarray, truth: np.ndarray, arrays: dict) -> float:  # type: ignore[type-arg]
    """Zhang et al., Eq. 1: the weighted squared difference at every place, averaged, layer by layer."""
    total = 0.0
    pairs = zip(naive_activations(trunk, picture, arrays), naive_activations(trunk, truth, arrays), strict=True)
    for i, (x, y) in enumerate(pairs):
        x, y = (z / (np.sqrt((z**2).sum(axis=2, keepdims=True)) + 1e-10) for z in (x, y))
        weights = arrays[f"NetLinLayer_{i}"]["Conv_0"]["kernel"][0, 0, :, 0]
        total += float((((x - y) ** 2) @ weights).mean())
    return total


@pytest.mark.parametrize(("trunk", "size"), [("alex", (35, 31)), ("vgg", (16, 16))])
def test_equals_the_plain_formula(trunk: str, size: tuple[int, int]) -> None:
    arrays = random_arrays(trunk)
    picture, truth = random_pictures(2, *size)
    network = LPIPSNetwork.from_arrays(trunk, arrays)
    expected = naive_lpips(trunk, picture.numpy(), truth.numpy(), arrays)
    assert lpips(picture[None], truth[None], network).item() == pytest.approx(expected, rel=1e-5)
    assert expected > 0.1


def test_known_properties(alex: LPIPSNetwork) -> None:
    picture, truth = random_pictures(6, 40, 48).split(3)
    values = lpips(picture, truth, alex)
    assert values.dtype == torch.float64 and (values > 0).all()
    assert lpips(truth, truth, alex).abs().max() == 0
    torch.testing.assert_close(lpips(truth, picture, alex), values)
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(lpips(picture[order], truth[order], alex), values[order])
    alone = torch.cat([lpips(picture[i : i + 1], truth[i : i + 1], alex) for i in range(3)])
    torch.testing.assert_close(alone, values, rtol=1e-5, atol=1e-7)


def test_known_truths_are_not_computed_again(alex: LPIPSNetwork) -> None:
    picture, truth = random_pictures(4, 40, 40).split(2)
    known = FeatureCache(alex)
    first = lpips(picture, truth, alex, truth_network=known)
    second = lpips(picture, truth, alex, truth_network=known)
    assert known.computed == 2
    assert first.equal(second)
    torch.testing.assert_close(first, lpips(picture, truth, alex))


def test_pictures_too_small_for_the_trunk_are_refused(alex: LPIPSNetwork) -> None:
    with pytest.raises(ImageError, match="at least 31 px, found 30 x 40"):
        lpips(random_pictures(1, 30, 40), random_pictures(1, 30, 40), alex)


def test_unfit_weights_are_refused() -> None:
    with pytest.raises(SettingError, match="did you mean 'alex'"):
        LPIPSNetwork.pretrained("alexnet")
    arrays = random_arrays("alex")
    arrays["NetLinLayer_2"]["Conv_0"]["kernel"] = np.ones((1, 1, 5, 1), np.float32)
    with pytest.raises(WeightsError, match="expected 384 weights"):
        LPIPSNetwork.from_arrays("alex", arrays)
    arrays = random_arrays("alex")
    arrays["NetLinLayer_0"]["Conv_0"]["kernel"][0, 0, 0, 0] = -1
    with pytest.raises(WeightsError, match="negative"):
        LPIPSNetwork.from_arrays("alex", arrays)
    del arrays["NetLinLayer_0"]
    with pytest.raises(WeightsError, match="NetLinLayer_0 is missing"):
        LPIPSNetwork.from_arrays("alex", arrays)


@pytest.mark.parametrize("trunk", ["alex", "vgg"])
def test_published_weights_give_the_values_of_the_original_package(trunk: str) -> None:
    if not (assets.cache_folder() / assets.ASSETS[ASSET[trunk]].file).exists():
        pytest.skip(f"the {trunk} weights are not in the cache folder")
    spec = importlib.util.spec_from_file_location("make_golden", HERE / "make_golden.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    golden = json.loads(script.GOLDEN.read_text(encoding="utf-8"))[trunk]
    network = LPIPSNetwork.pretrained(trunk)
    found = [lpips(*script.patterns(*size), network).item() for size in script.SIZES]
    assert found == pytest.approx(golden, abs=2e-6)
