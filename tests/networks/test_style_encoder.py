"""Style encoder: size and cost of the profiles, range, gradients, refused settings."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from showface.errors import SettingError
from showface.networks.style_encoder import StyleEncoder, StyleEncoderConfig

COMPACT = StyleEncoderConfig(fold=4, widths=(64, 96, 128), up_widths=(96, 64), channels=96)


def multiplications(encoder: StyleEncoder, side: int) -> int:
    """Multiply-adds of all convolutions for one picture."""
    total = 0

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
        cells = inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output
        total += layer.weight.numel() * cells.shape[2] * cells.shape[3]

    for layer in encoder.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.register_forward_hook(count)
    encoder(torch.zeros(1, 3, side, side))
    return total


def test_paper_profile_is_seans_encoder() -> None:
    encoder = StyleEncoder(StyleEncoderConfig(channels=512))
    assert (
        sum(p.numel() for p in encoder.parameters()) == 27 * 32 + 9 * (32 * 64 + 64 * 128 + 128 * 256 + 256 * 512) + 512
    )
    assert [m.kernel_size for m in encoder.modules() if isinstance(m, nn.ConvTranspose2d)] == [(3, 3)]
    assert encoder(torch.randn(1, 3, 16, 24)).shape == (1, 512, 8, 12)


def test_cost_of_the_paper_profile() -> None:
    cost = multiplications(StyleEncoder(StyleEncoderConfig()), 32) * (256 // 32) ** 2
    assert cost == pytest.approx(11.5e9, rel=0.02)


def test_compact_profile_is_cheap_and_lives_at_a_quarter() -> None:
    encoder = StyleEncoder(COMPACT)
    assert COMPACT.stride == 4 and encoder(torch.randn(1, 3, 64, 64)).shape == (1, 96, 16, 16)
    assert multiplications(encoder, 64) * 16 < 0.6e9


@pytest.mark.parametrize("config", [StyleEncoderConfig(channels=8), COMPACT], ids=["paper", "compact"])
def test_features_are_bounded_and_stride_is_true(config: StyleEncoderConfig) -> None:
    features = StyleEncoder(config)(torch.rand(2, 3, 32, 48) * 2 - 1)
    assert features.shape == (2, config.channels, 32 // config.stride, 48 // config.stride)
    assert features.abs().max() <= 1 and features.std() > 0.05


def test_every_parameter_gets_a_gradient() -> None:
    for norm in ("instance", "none"):
        encoder = StyleEncoder(StyleEncoderConfig(widths=(4, 6), up_widths=(5,), channels=7, norm=norm))
        encoder(torch.randn(2, 3, 16, 16)).square().sum().backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())


def test_instance_norm_forgets_contrast_and_none_keeps_it() -> None:
    image = torch.randn(1, 3, 16, 16)
    for norm, forgets in (("instance", True), ("none", False)):
        encoder = StyleEncoder(StyleEncoderConfig(widths=(8, 8), up_widths=(8,), channels=4, norm=norm))
        assert torch.allclose(encoder(image), encoder(image * 0.5), atol=1e-3) is forgets


@pytest.mark.parametrize(
    "fields",
    [{"fold": 0}, {"channels": 0}, {"widths": ()}, {"widths": (8,), "up_widths": (8,)}, {"up_widths": (8, 8, 8)}],
    ids=str,
)
def test_contradictions_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="style encoder"):
        StyleEncoderConfig(**fields)


def test_bfloat16_autocast_is_close() -> None:
    encoder, image = StyleEncoder(COMPACT), torch.rand(1, 3, 32, 32) * 2 - 1
    with torch.autocast("cpu", torch.bfloat16):
        rough = encoder(image)
    torch.testing.assert_close(rough.float(), encoder(image), atol=0.1, rtol=0)
