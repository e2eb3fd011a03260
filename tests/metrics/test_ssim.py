"""method.md §9: SSIM with a Gaussian window of 11, valid region, against scikit-image and known values."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from showface.errors import ImageError
from showface.features.structural_similarity import K1
from showface.metrics.ssim import ssim


def pictures(seed: int, height: int, width: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """A smooth random picture and a noisy copy, uint8 (h, w, 3)."""
    rng = np.random.default_rng(seed)
    smooth = np.kron(rng.uniform(0, 255, (height // 4 + 1, width // 4 + 1, 3)), np.ones((4, 4, 1)))[:height, :width]
    noisy = np.clip(smooth + rng.normal(0, noise, smooth.shape), 0, 255)
    return smooth.astype(np.uint8), noisy.astype(np.uint8)


def tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99), st.integers(11, 40), st.integers(11, 40), st.floats(0, 80))
def test_agrees_with_scikit_image(seed: int, height: int, width: int, noise: float) -> None:
    truth, picture = pictures(seed, height, width, noise)
    theirs = structural_similarity(
        truth, picture, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, channel_axis=-1
    )
    assert abs(ssim(tensor(picture), tensor(truth)).item() - theirs) < 1e-4


def test_of_itself_is_one_and_it_is_symmetric() -> None:
    truth, picture = (tensor(p) for p in pictures(0, 32, 24, 40))
    assert abs(ssim(truth, truth).item() - 1) < 1e-12
    assert ssim(truth, picture).item() == pytest.approx(ssim(picture, truth).item(), abs=1e-12)


def test_of_two_flat_pictures_is_their_luminance_term() -> None:
    flat = torch.full((1, 3, 16, 16), 100, dtype=torch.uint8)
    expected = (2 * 100 * 50 + (K1 * 255) ** 2) / (100**2 + 50**2 + (K1 * 255) ** 2)
    assert ssim(flat, torch.full_like(flat, 50)).item() == pytest.approx(expected, abs=1e-9)


def test_pictures_of_a_batch_do_not_mix() -> None:
    pairs = [pictures(seed, 16, 16, 30) for seed in range(3)]
    truth, picture = (torch.cat([tensor(pair[i]) for pair in pairs]) for i in (0, 1))
    alone = torch.cat([ssim(picture[i : i + 1], truth[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(ssim(picture, truth), alone)


def test_refuses_pictures_smaller_than_the_window() -> None:
    small = torch.zeros(1, 3, 10, 16, dtype=torch.uint8)
    with pytest.raises(ImageError, match="at least 11 x 11 pixels, found 10 x 16"):
        ssim(small, small)
