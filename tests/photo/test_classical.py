from __future__ import annotations

import numpy as np

from showface.photo.classical import fill_from_rim, square_round
from showface.photo.photograph import Photo


def photo(pixels: np.ndarray) -> Photo:
    return Photo(pixels=pixels, mode="RGB", format="PNG")


def shade(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width] / max(height, width)
    return np.round(np.stack([200 * x + 30, 180 * y + 40, 100 + 60 * np.sin(4 * x)], -1)).astype(np.uint8)


def test_scratches_on_a_shade_vanish() -> None:
    pixels = shade(500, 700)
    hole = np.zeros((500, 700), dtype=bool)
    for start in range(20, 450, 60):  # long and thin, and far apart
        rows = start + (np.arange(600) * 0.05).astype(int)
        for thickness in range(5):
            hole[rows + thickness, 50 + np.arange(600)] = True
    spoilt = np.where(hole[..., None], np.uint8(255), pixels)
    filled = fill_from_rim(photo(spoilt), hole).pixels
    assert np.array_equal(filled[~hole], pixels[~hole])
    assert np.abs(filled.astype(int) - pixels)[hole].mean() < 1.5


def test_many_islands_are_all_filled() -> None:
    pixels = shade(300, 300)
    hole = np.zeros((300, 300), dtype=bool)
    hole[::20, ::20] = True
    spoilt = np.where(hole[..., None], np.uint8(0), pixels)
    assert np.abs(fill_from_rim(photo(spoilt), hole).pixels.astype(int) - pixels).max() <= 3


def test_islands_whose_boxes_overlap_are_each_filled() -> None:
    pixels = shade(400, 400)
    hole = np.zeros((400, 400), dtype=bool)
    hole[50:350, 60:66] = hole[344:350, 60:340] = True  # an L, and a blob within its box
    hole[100:140, 200:240] = True
    spoilt = np.where(hole[..., None], np.uint8(0), pixels)
    assert np.abs(fill_from_rim(photo(spoilt), hole).pixels.astype(int) - pixels)[hole].mean() < 3


def test_nothing_known_is_no_crash() -> None:
    hole = np.ones((9, 11), dtype=bool)
    assert fill_from_rim(photo(np.full((9, 11, 3), 7, np.uint8)), hole).pixels.shape == (9, 11, 3)


def test_the_square_has_room_round_the_hole() -> None:
    corners = square_round((100, 100, 500, 200)).corners()
    assert np.allclose(corners[[0, 3]], [(0, -150), (600, 450)])
    small = square_round((10, 10, 12, 12)).corners()
    assert np.allclose(small[3] - small[0], 256)
