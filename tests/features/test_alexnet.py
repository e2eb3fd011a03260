from __future__ import annotations

import pytest
import torch

from showface import assets
from showface.features.alexnet import AlexNet


def test_layers_of_the_published_size() -> None:
    """The convolutions are held to naive loops in tests/metrics/test_lpips.py."""
    trunk = AlexNet()
    assert sum(parameter.numel() for parameter in trunk.parameters()) == 2_469_696
    shapes = [tuple(layer.shape[1:]) for layer in trunk(torch.rand(1, 3, 256, 256))]
    assert shapes == [(64, 63, 63), (192, 31, 31), (384, 15, 15), (256, 15, 15), (256, 15, 15)]
    assert [tuple(layer.shape[2:]) for layer in trunk(torch.rand(1, 3, 31, 31))][-1] == (1, 1)


def test_only_the_input_takes_gradient() -> None:
    trunk, image = AlexNet(), torch.rand(1, 3, 32, 32, requires_grad=True)
    trunk(image)[-1].sum().backward()
    assert image.grad is not None
    assert not any(parameter.requires_grad for parameter in trunk.parameters())


def test_published_weights_begin_with_the_known_kernel() -> None:
    """The first values of torchvision's ImageNet weights: order and orientation."""
    if not (assets.cache_folder() / assets.ASSETS["alexnet-lpips"].file).exists():
        pytest.skip("the AlexNet weights are not in the cache folder")
    line = AlexNet.pretrained().convolutions[0].weight[0, 0, 0]
    known = [0.11864, 0.094069, 0.095435, 0.055822, 0.021575, 0.049963]
    torch.testing.assert_close(line[[0, 1, 2, 8, 9, 10]], torch.tensor(known), rtol=1e-4, atol=0)
