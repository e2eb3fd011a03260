from __future__ import annotations

import pytest
import torch

from showface.losses.perceptual import perceptual_loss


def test_layers_are_averaged_each_and_summed() -> None:
    ours = [torch.full((1, 2, 4, 4), 3.0), torch.full((1, 8, 2, 2), 1.0)]
    truth = [torch.full((1, 2, 4, 4), 1.0), torch.full((1, 8, 2, 2), 0.5)]
    torch.testing.assert_close(perceptual_loss(ours, truth), torch.tensor(2.5))


def test_zero_for_equal_features_and_float32_for_bfloat16() -> None:
    features = [torch.rand(2, 3, 4, 4).bfloat16()]
    loss = perceptual_loss(features, features)
    assert loss.dtype == torch.float32 and loss.item() == 0


def test_differing_layer_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        perceptual_loss([torch.rand(1, 2, 2, 2)], [])
