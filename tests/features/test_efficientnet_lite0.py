"""EfficientNet-Lite0: as the published file would be evaluated with its batch norms and TensorFlow's padding."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from showface import assets
from showface.errors import WeightsError
from showface.features.efficientnet_lite0 import EfficientNetLite0, every_second
from showface.features.imagenet import IMAGENET_MEAN, IMAGENET_STD

# kernel, stride, expansion, channels before and after each block
BLOCKS = (
    (3, 1, 1, 32, 16), (3, 2, 6, 16, 24), (3, 1, 6, 24, 24), (5, 2, 6, 24, 40), (5, 1, 6, 40, 40), (3, 2, 6, 40, 80),
    (3, 1, 6, 80, 80), (3, 1, 6, 80, 80), (5, 1, 6, 80, 112), (5, 1, 6, 112, 112), (5, 1, 6, 112, 112),
    (5, 2, 6, 112, 192), (5, 1, 6, 192, 192), (5, 1, 6, 192, 192), (5, 1, 6, 192, 192), (3, 1, 6, 192, 320),
)  # fmt: skip


def published(seed: int = 0) -> dict[str, Tensor]:
    """Random weights under the names of the published file."""
    generator, state = torch.Generator().manual_seed(seed), {}

    def layer(convolution: str, norm: str, outputs: int, inputs: int, kernel: int) -> None:
        weight = torch.randn(outputs, inputs, kernel, kernel, generator=generator)
        state[f"{convolution}.weight"] = weight * (inputs * kernel**2) ** -0.5
        for part, low, high in (("weight", 0.8, 1.5), ("bias", -0.5, 1), ("running_mean", -1, 1)):
            state[f"{norm}.{part}"] = torch.empty(outputs).uniform_(low, high, generator=generator)
        state[f"{norm}.running_var"] = torch.empty(outputs).uniform_(0.05, 2, generator=generator)
        state[f"{norm}.num_batches_tracked"] = torch.tensor(7)

    layer("_conv_stem", "_bn0", 32, 3, 3)
    for number, (kernel, _, expansion, inputs, outputs) in enumerate(BLOCKS):
        place, width = f"_blocks.{number}.", expansion * inputs
        if expansion > 1:
            layer(f"{place}_expand_conv", f"{place}_bn0", width, inputs, 1)
        layer(f"{place}_depthwise_conv", f"{place}_bn1", width, 1, kernel)
        layer(f"{place}_project_conv", f"{place}_bn2", outputs, width, 1)
    layer("_conv_head", "_bn1", 1280, 320, 1)
    return state


def convolved(x: Tensor, state: Mapping[str, Tensor], source: str, norm: str, stride: int = 1) -> Tensor:
    """TensorFlow's "same" convolution by the rule of its documentation, then the batch norm."""
    weight = state[f"{source}.weight"]
    kernel = weight.shape[2]
    missing = [max((math.ceil(side / stride) - 1) * stride + kernel - side, 0) for side in x.shape[2:]]
    down, right = missing
    x = F.pad(x, (right // 2, right - right // 2, down // 2, down - down // 2))
    x = F.conv2d(x, weight, stride=stride, groups=x.shape[1] if "depthwise" in source else 1)
    mean, variance, gain, bias = (state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    return F.batch_norm(x, mean, variance, gain, bias, eps=1e-3)


def evaluated(image: Tensor, state: Mapping[str, Tensor]) -> list[Tensor]:
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    x, found = convolved((image - mean) / std, state, "_conv_stem", "_bn0", 2).clamp(0, 6), []
    for number, (_, stride, expansion, inputs, outputs) in enumerate(BLOCKS):
        place, y = f"_blocks.{number}.", x
        if expansion > 1:
            y = convolved(y, state, f"{place}_expand_conv", f"{place}_bn0").clamp(0, 6)
        y = convolved(y, state, f"{place}_depthwise_conv", f"{place}_bn1", stride).clamp(0, 6)
        y = convolved(y, state, f"{place}_project_conv", f"{place}_bn2")
        x = x + y if stride == 1 and inputs == outputs else y
        found.append(x)
    return [found[number] for number in (2, 4, 10, 15)]


@pytest.mark.parametrize("size", [(64, 96), (61, 50), (33, 7)])
def test_folded_norms_and_padding_equal_explicit_ones(size: tuple[int, int]) -> None:
    state, image = published(), torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1))
    found = EfficientNetLite0.from_published(state)(image)
    for ours, expected in zip(found, evaluated(image, state), strict=True):
        assert expected.std() > 0.01
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)


def test_four_maps_of_strides_4_to_32_begun_cells_included() -> None:
    shapes = [tuple(x.shape) for x in EfficientNetLite0()(torch.rand(1, 3, 256, 100))]
    assert shapes == [(1, 24, 64, 25), (1, 40, 32, 13), (1, 112, 16, 7), (1, 320, 8, 4)]


def test_trunk_has_the_published_number_of_parameters() -> None:
    """Kernels and the two numbers for each channel of the batch norms, of which the folded network keeps one."""
    state = {name: value for name, value in published().items() if name not in ("_conv_head.weight", "_bn1.weight")}
    kernels = sum(value.numel() for name, value in state.items() if value.ndim == 4)
    biases = sum(value.numel() for name, value in state.items() if name.endswith(".bias")) - 1280
    assert sum(parameter.numel() for parameter in EfficientNetLite0().parameters()) == kernels + biases


@pytest.mark.parametrize(("side", "expected"), [(4, [1, 3]), (5, [0, 2, 4]), (1, [0])])
def test_every_second_cell_ends_with_the_last(side: int, expected: list[int]) -> None:
    cells = torch.arange(float(side)).expand(1, 1, side, side)
    assert every_second(cells)[0, 0, 0].tolist() == expected
    assert every_second(cells.mT)[0, 0, :, 0].tolist() == expected


def test_only_the_input_takes_gradient() -> None:
    trunk = EfficientNetLite0.from_published(published()).train()
    image = torch.rand(1, 3, 32, 32, requires_grad=True)
    trunk(image)[3].sum().backward()
    assert image.grad is not None and image.grad.abs().sum() > 0
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in trunk.parameters())


def test_bfloat16_and_channels_last_tell_nearly_the_same() -> None:
    trunk = EfficientNetLite0.from_published(published())
    image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    expected = trunk(image)
    trunk.to(memory_format=torch.channels_last)
    for ours, theirs in zip(trunk(image.to(memory_format=torch.channels_last)), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = trunk(image)
    for ours, theirs in zip(low, expected, strict=True):
        assert ours.dtype == torch.bfloat16
        assert (ours.float() - theirs).abs().mean() < 0.05 * theirs.abs().mean()


def test_missing_and_misshapen_weights_are_refused() -> None:
    state = published()
    missing = {name: value for name, value in state.items() if name != "_blocks.3._bn1.running_var"}
    with pytest.raises(WeightsError, match=r"_blocks\.3\._bn1\.running_var"):
        EfficientNetLite0.from_published(missing)
    state["_blocks.0._depthwise_conv.weight"] = torch.zeros(32, 1, 5, 5)
    with pytest.raises(WeightsError, match=r"expected shape \(32, 1, 3, 3\), got \(32, 1, 5, 5\)"):
        EfficientNetLite0.from_published(state)


def test_published_weights_are_read_as_they_were_written() -> None:
    if not (assets.cache_folder() / assets.ASSETS["efficientnet-lite0"].file).exists():
        pytest.skip("the EfficientNet-Lite0 weights are not in the cache folder")
    state = torch.load(assets.path("efficientnet-lite0"), weights_only=True)
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    for ours, expected in zip(EfficientNetLite0.pretrained()(image), evaluated(image, state), strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-3)
