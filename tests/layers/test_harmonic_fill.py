"""Harmonic fill: exact where the answer is known, blind to what is hidden, close to a dense solver elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from showface.layers import harmonic_fill as module
from showface.layers.harmonic_fill import harmonic_fill
from showface.layers.window import hole_window


def hole(size: int, top: int, left: int, height: int, width: int) -> Tensor:
    mask = torch.zeros(1, 1, size, size)
    mask[..., top : top + height, left : left + width] = 1
    return mask


def laplace(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The same boundary problem as one dense system of equations, one row per pixel."""
    size = len(image)
    matrix, right = np.eye(size * size), np.where(mask, 0.0, image).ravel()
    for y, x in zip(*np.nonzero(mask), strict=True):
        around = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        for v, u in around:
            v, u = min(max(v, 0), size - 1), min(max(u, 0), size - 1)
            matrix[y * size + x, v * size + u] -= 0.25
    return np.linalg.solve(matrix, right).reshape(size, size)


@pytest.mark.parametrize("box", [(90, 40, 30, 50), (0, 0, 20, 9), (60, 0, 4, 128), (0, 0, 128, 127)])
def test_what_is_left_out_changes_no_bit(box: tuple[int, int, int, int]) -> None:
    torch.manual_seed(2)
    image, mask = torch.rand(2, 3, 128, 128) * 2 - 1, hole(128, *box).expand(2, 1, 128, 128)
    assert torch.equal(harmonic_fill(image, mask, window=hole_window(mask)), harmonic_fill(image, mask))


def test_sizes_at_which_all_is_known_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hole of 6 x 6 pixels is gone at a quarter of the size, whatever is hidden of the cells around."""
    sizes: list[int] = []
    halve = module._halved
    monkeypatch.setattr(module, "_halved", lambda x, known: sizes.append(x.shape[2]) or halve(x, known))
    image, mask = torch.rand(1, 3, 128, 128), hole(128, 33, 41, 6, 6)
    expected = harmonic_fill(image, mask)
    assert sizes == [128, 64, 32, 16, 8, 4]
    sizes.clear()
    assert torch.equal(harmonic_fill(image, mask, window=hole_window(mask)), expected)
    assert sizes == [128, 64]


def test_a_plane_is_continued() -> None:
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, 32), torch.linspace(-1, 1, 32), indexing="ij")
    plane = torch.stack([rows, columns, 0.5 * rows - 0.3 * columns])[None]
    filled = harmonic_fill(plane, hole(32, 9, 11, 8, 9), sweeps=8)
    assert torch.allclose(filled, plane, atol=0.02)


def test_known_pixels_stay_and_hidden_ones_do_not_matter() -> None:
    torch.manual_seed(0)
    image, mask = torch.rand(2, 3, 32, 48) * 2 - 1, (torch.rand(2, 1, 32, 48) < 0.5).float()
    filled = harmonic_fill(image, mask)
    assert torch.equal(filled.where(mask == 0, image), image)
    other = image.where(mask == 0, torch.full_like(image, float("inf")))
    assert torch.equal(harmonic_fill(other, mask), filled)


@pytest.mark.parametrize("box", [(3, 4, 6, 5), (0, 0, 10, 20), (8, 8, 16, 16)])
def test_close_to_a_dense_solver(box: tuple[int, int, int, int]) -> None:
    torch.manual_seed(1)
    image = torch.rand(1, 1, 8, 8)
    image = torch.nn.functional.interpolate(image, scale_factor=4.0, mode="bicubic")
    mask = hole(32, *box)
    exact = laplace(image[0, 0].double().numpy(), mask[0, 0].numpy() > 0)
    found = harmonic_fill(image, mask, sweeps=16)[0, 0].numpy()
    spread = float(image.max() - image.min())
    assert np.abs(found - exact).max() < 0.05 * spread


def test_nothing_and_everything_hidden() -> None:
    image = torch.rand(1, 3, 16, 16)
    assert torch.equal(harmonic_fill(image, torch.zeros(1, 1, 16, 16)), image)
    assert torch.equal(harmonic_fill(image, torch.ones(1, 1, 16, 16)), torch.zeros_like(image))


@pytest.mark.parametrize("size", [(2, 2), (6, 10), (7, 5), (1, 9)])
def test_any_size(size: tuple[int, int]) -> None:
    mask = torch.zeros(1, 1, *size)
    mask[..., 0, 0] = 1
    filled = harmonic_fill(torch.full((1, 3, *size), 0.25), mask)
    assert torch.allclose(filled, torch.full_like(filled, 0.25))
