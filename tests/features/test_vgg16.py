from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from showface import assets
from showface.errors import SettingError, WeightsError
from showface.features.imagenet import IMAGENET_MEAN, IMAGENET_STD
from showface.features.vgg16 import BLOCKS, VGG16, steps


def random_arrays(count: int, seed: int = 0) -> dict[str, dict[str, dict[str, np.ndarray]]]:
    """Arrays as in the published file: kernels (h, w, in, out)."""
    rng = np.random.default_rng(seed)
    widths = [3, *(width for block in BLOCKS for width in block)]
    convolutions = {
        f"Conv_{i}": {
            "kernel": rng.normal(0, (9 * widths[i]) ** -0.5, (3, 3, widths[i], widths[i + 1])).astype(np.float32),
            "bias": rng.normal(0, 0.1, widths[i + 1]).astype(np.float32),
        }
        for i in range(count)
    }
    return {"VGG16_0": convolutions}


def naive_convolution(image: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Image (h, w, in), one window after the other, zeros around it."""
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    out = np.zeros((*image.shape[:2], kernel.shape[3]))
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            out[y, x] = np.tensordot(padded[y : y + 3, x : x + 3], kernel, axes=3) + bias
    return out


def test_steps_are_thirteen_convolutions_and_five_poolings() -> None:
    assert steps()[:4] == ("relu1_1", "relu1_2", "pool1", "relu2_1")
    assert sum(name.startswith("relu") for name in steps()) == 13
    assert sum(name.startswith("pool") for name in steps()) == 5


def test_whole_trunk_has_the_published_number_of_parameters() -> None:
    trunk = VGG16(layers=("relu5_3",))
    assert sum(parameter.numel() for parameter in trunk.parameters()) == 14_714_688


def test_two_convolutions_and_a_pooling_equal_naive_loops() -> None:
    arrays = random_arrays(2)
    image = np.random.default_rng(1).uniform(size=(6, 6, 3)).astype(np.float32)
    x = (image - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)
    for i in range(2):
        entry = arrays["VGG16_0"][f"Conv_{i}"]
        x = np.maximum(naive_convolution(x, entry["kernel"], entry["bias"]), 0)
    pooled = x.reshape(3, 2, 3, 2, 64).max(axis=(1, 3))
    (got,) = VGG16.from_arrays(arrays, layers=("pool1",))(torch.from_numpy(image).permute(2, 0, 1)[None])
    np.testing.assert_allclose(got[0].permute(1, 2, 0).numpy(), pooled, rtol=1e-4, atol=1e-5)


def test_layers_come_in_the_order_asked_for_and_nothing_deeper_is_built() -> None:
    trunk = VGG16(layers=("pool2", "relu1_2"))
    assert len(trunk.convolutions) == 4
    pool2, relu1_2 = trunk(torch.rand(2, 3, 8, 12))
    assert pool2.shape == (2, 128, 2, 3)
    assert relu1_2.shape == (2, 64, 8, 12)


def test_only_the_input_takes_gradient() -> None:
    trunk = VGG16.from_arrays(random_arrays(2), layers=("pool1",))
    image = torch.rand(1, 3, 8, 8, requires_grad=True)
    trunk(image)[0].sum().backward()
    assert image.grad is not None and image.grad.abs().sum() > 0
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in trunk.parameters())


def test_a_later_layer_is_the_convolution_of_the_earlier_one() -> None:
    trunk = VGG16.from_arrays(random_arrays(3), layers=("pool1", "relu2_1"))
    pool1, relu2_1 = trunk(torch.rand(1, 3, 8, 8))
    third = trunk.convolutions[2]
    torch.testing.assert_close(relu2_1, F.relu(F.conv2d(pool1, third.weight, third.bias, padding=1)))


def test_unknown_layer_names_the_nearest() -> None:
    with pytest.raises(SettingError, match="pool3"):
        VGG16(layers=("pol3",))
    with pytest.raises(SettingError, match="at least one"):
        VGG16(layers=())


def test_missing_and_misshapen_arrays_are_refused() -> None:
    arrays = random_arrays(2)
    with pytest.raises(WeightsError, match="Conv_2"):
        VGG16.from_arrays(arrays, layers=("relu2_1",))
    arrays["VGG16_0"]["Conv_1"]["kernel"] = np.zeros((3, 3, 64, 32), np.float32)
    with pytest.raises(WeightsError, match=r"expected shape \(64, 64, 3, 3\), got \(32, 64, 3, 3\)"):
        VGG16.from_arrays(arrays, layers=("pool1",))


def test_published_weights_begin_with_the_known_kernel() -> None:
    """The first kernel's red plane and first biases of the well-known ImageNet weights: order and orientation."""
    if not (assets.cache_folder() / assets.ASSETS["vgg16-lpips"].file).exists():
        pytest.skip("the VGG16 weights are not in the cache folder")
    first = VGG16.pretrained(layers=("relu1_1",)).convolutions[0]
    known = [[-0.5537, 0.1427, 0.5290], [-0.5831, 0.3566, 0.7657], [-0.6902, -0.0480, 0.4841]]
    torch.testing.assert_close(first.weight[0, 0], torch.tensor(known), rtol=0, atol=1e-4)
    torch.testing.assert_close(first.bias[:3], torch.tensor([0.4034, 0.3778, 0.4644]), rtol=0, atol=1e-4)
