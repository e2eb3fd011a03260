"""DeepFillv2's generator: published size, gates by hand, what it sees and what it does not."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from showface.baselines.deepfillv2 import DeepFillV2, DeepFillV2Config, Row, SplitGate
from showface.errors import SettingError

TINY = DeepFillV2Config(width=8)


def build(config: DeepFillV2Config = TINY) -> DeepFillV2:
    torch.manual_seed(0)
    return DeepFillV2(config).eval()


def inputs(size: int = 64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(2, 3, size, size, generator=generator) * 2 - 1
    mask = torch.zeros(2, 1, size, size)
    mask[0, :, 8:32, 10:50] = 1
    mask[1, :, 30:60, 4:20] = 1
    return image, mask


def test_published_size() -> None:
    """4.05 M parameters (method.md §10), of which the first stage has 1.63 M."""
    network = build(DeepFillV2Config())
    assert sum(p.numel() for p in network.parameters()) == 4_052_478
    first = [*network.first.parameters(), *network.first_head.parameters()]
    assert sum(p.numel() for p in first) == 1_631_151


def test_the_published_rows() -> None:
    """Outputs before they are parted, stage by stage, as method.md §10 lists them."""
    network = build(DeepFillV2Config())
    rows = {
        name: [layer.row for layer in network.get_submodule(name).children() if isinstance(layer, SplitGate)]
        for name in ("first", "dilated", "attending", "attended", "second")
    }
    assert {name: [row.outputs for row in listed] for name, listed in rows.items()} == {
        "first": [48, 96, 96, 192, 192, 192, 192, 192, 192, 192, 192, 192, 96, 96, 48, 24],
        "dilated": [48, 48, 96, 96, 192, 192, 192, 192, 192, 192],
        "attending": [48, 48, 96, 192, 192, 192],
        "attended": [192, 192],
        "second": [192, 192, 96, 96, 48, 24],
    }
    for name in ("first", "dilated"):
        assert [row.dilation for row in rows[name] if row.dilation > 1] == [2, 4, 8, 16]
    assert [row.activation for row in rows["attending"]] == ["elu"] * 5 + ["relu"]


@pytest.mark.parametrize("activation", ["elu", "relu"])
def test_a_gated_layer_by_hand(activation: str) -> None:
    layer = SplitGate(3, Row(8, activation="relu" if activation == "relu" else "elu"))
    x = torch.randn(1, 3, 6, 6)
    weight, bias = layer.convolution.weight, layer.convolution.bias
    assert bias is not None
    features = F.conv2d(x, weight[:4], bias[:4], padding=1)
    gates = F.conv2d(x, weight[4:], bias[4:], padding=1)
    curved = features.clamp(min=0) + (features.clamp(max=0).exp() - 1 if activation == "elu" else 0)
    torch.testing.assert_close(layer(x), curved / (1 + (-gates).exp()))


def test_sizes_through_strides_dilations_and_upsampling() -> None:
    x = torch.zeros(1, 3, 16, 24)
    for row, size in ((Row(4, kernel=5), (16, 24)), (Row(4, stride=2), (8, 12)), (Row(4, dilation=16), (16, 24)),
                      (Row(4, up=True), (32, 48))):  # fmt: skip
        assert SplitGate(3, row)(x).shape == (1, 2, *size)


def test_both_stages_are_faces_of_the_pictures_size() -> None:
    network, (image, mask) = build(), inputs()
    first, second = network.both_stages(image, mask)
    assert first.shape == second.shape == image.shape
    assert first.abs().max() <= 1 and second.abs().max() <= 1
    assert torch.equal(network(image, mask), second) and not torch.allclose(first, second)


def test_what_the_hole_holds_does_not_matter() -> None:
    network, (image, mask) = build(), inputs()
    other = torch.where(mask > 0, torch.randn(image.shape), image)
    for one, two in zip(network.both_stages(image, mask), network.both_stages(other, mask), strict=True):
        assert torch.equal(one, two)


def test_every_picture_is_completed_under_its_own_mask() -> None:
    network, (image, mask) = build(), inputs()
    together = network(image, mask)
    for one in range(2):
        torch.testing.assert_close(together[one : one + 1], network(image[one : one + 1], mask[one : one + 1]))
    assert not torch.allclose(together, network(image, mask.flip(0)))


def test_attention_reaches_beyond_the_convolutions() -> None:
    """A hidden pixel in one corner depends on visible ones in the opposite corner of a wide picture."""
    network = build().double()
    with torch.no_grad():  # the other branch cannot tell
        for parameter in network.dilated.parameters():
            parameter.zero_()
    image = torch.rand(1, 3, 32, 512, dtype=torch.float64, requires_grad=True)
    mask = torch.zeros(1, 1, 32, 512, dtype=torch.float64)
    mask[..., 8:24, 8:24] = 1
    network(image, mask)[0, :, 12:20, 12:20].sum().backward()
    assert image.grad is not None and image.grad[..., 480:].abs().max() > 0


def test_gradients_reach_every_parameter() -> None:
    network, (image, mask) = build(), inputs()
    first, second = network.both_stages(image, mask)
    (first.square().sum() + second.square().sum()).backward()
    assert not [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_empty_and_full_masks_stay_finite(share: float) -> None:
    image, mask = inputs()
    assert build()(image, torch.full_like(mask, share)).isfinite().all()


def test_the_scale_of_features_is_kept_at_the_start() -> None:
    """Sixteen gated layers, each of which would halve it: without the gain the last would see nothing."""
    network = build(DeepFillV2Config())
    x = torch.cat([torch.rand(1, 3, 64, 64) * 2 - 1, torch.ones(1, 1, 64, 64), torch.zeros(1, 1, 64, 64)], dim=1)
    with torch.no_grad():
        assert 0.05 < float(network.first(x).std()) < 2


@pytest.mark.parametrize("width", [0, 2, 10, -4])
def test_widths_that_cannot_be_parted_are_refused(width: int) -> None:
    with pytest.raises(SettingError, match=f"expected a multiple of 4, got {width}"):
        DeepFillV2Config(width=width)


def test_sizes_that_are_no_multiple_of_eight_are_refused() -> None:
    with pytest.raises(SettingError, match="60 x 64 pixels, expected multiples of 8"):
        build()(torch.zeros(1, 3, 60, 64), torch.zeros(1, 1, 60, 64))
