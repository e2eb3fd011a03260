"""method.md §9: PSNR against hand values and scikit-image."""

import numpy as np
import torch
from skimage.metrics import peak_signal_noise_ratio

from showface.metrics.psnr import IDENTICAL, psnr


def test_known_values() -> None:
    truth = torch.zeros(3, 3, 4, 4, dtype=torch.uint8)
    picture = truth.clone()
    picture[0] = 255  # error of the full range: 0 dB
    picture[1] = 51  # a fifth of the range: 20 log10(5) dB
    expected = torch.tensor([0.0, 20 * np.log10(5), IDENTICAL], dtype=torch.float64)
    torch.testing.assert_close(psnr(picture, truth), expected)


def test_each_picture_by_itself() -> None:
    """The mean of the ratios, not the ratio of the mean error (a known difference between code bases)."""
    truth = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    picture = torch.stack((truth[0] + 1, truth[1] + 100))
    joint = 10 * np.log10(255**2 / np.mean([1, 100**2]))
    assert psnr(picture, truth).mean().item() > joint + 10


def test_agrees_with_scikit_image() -> None:
    rng = np.random.default_rng(0)
    truth, picture = rng.integers(0, 256, (2, 4, 20, 24, 3)).astype(np.uint8)
    ours = psnr(torch.from_numpy(picture).permute(0, 3, 1, 2), torch.from_numpy(truth).permute(0, 3, 1, 2))
    theirs = [peak_signal_noise_ratio(t, p, data_range=255) for t, p in zip(truth, picture, strict=True)]
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-4)
