"""Small sets of faces whose colours tell their labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from showface.semantics import OFFICIAL_ORDER

SIDE = 48
CLASSES = ("background", "skin", "hair", "l_eye", "r_eye")
COLOURS = dict(zip(CLASSES, ((10, 10, 10), (240, 40, 40), (40, 240, 40), (40, 40, 240), (240, 240, 40)), strict=True))


def drawn_classes(seed: int) -> np.ndarray:
    """A map of indices in `OFFICIAL_ORDER`: four rectangles of random place, no two of which look alike mirrored."""
    rng, classes = np.random.default_rng(seed), np.zeros((SIDE, SIDE), dtype=np.uint8)
    for name in CLASSES[1:]:
        top, left, height, width = (int(rng.integers(low, high)) for low, high in ((0, 30), (0, 30), (8, 20), (8, 20)))
        classes[top : top + height, left : left + width] = OFFICIAL_ORDER.index(name)
    return classes


def coloured(classes: np.ndarray) -> Image.Image:
    """The picture of a map of indices in `OFFICIAL_ORDER`."""
    table = np.zeros((len(OFFICIAL_ORDER), 3), dtype=np.uint8)
    for name, colour in COLOURS.items():
        table[OFFICIAL_ORDER.index(name)] = colour
    return Image.fromarray(table[classes])


@pytest.fixture
def colours() -> dict[str, tuple[int, int, int]]:
    """The colour of each class that occurs in the sets."""
    return COLOURS


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """A folder of `images` and `labels` of five faces."""
    for name in ("images", "labels"):
        (tmp_path / "faces" / name).mkdir(parents=True)
    for index in range(5):
        classes = drawn_classes(index)
        coloured(classes).save(tmp_path / "faces" / "images" / f"face{index}.png")
        Image.fromarray(classes).save(tmp_path / "faces" / "labels" / f"face{index}.png")
    return tmp_path / "faces"


@pytest.fixture
def celebamask(tmp_path: Path) -> Path:
    """CelebAMask-HQ with ten pictures, 0 to 8 and 2023, of which 4 has no part masks."""
    root = tmp_path / "CelebAMask-HQ"
    (root / "CelebA-HQ-img").mkdir(parents=True)
    for number in (*range(9), 2023):
        classes = drawn_classes(number)
        coloured(classes).save(root / "CelebA-HQ-img" / f"{number}.jpg", quality=95)
        folder = root / "CelebAMask-HQ-mask-anno" / str(number // 2000)
        folder.mkdir(parents=True, exist_ok=True)
        for name in CLASSES[1:] if number != 4 else ():
            part = (classes == OFFICIAL_ORDER.index(name)).astype(np.uint8) * 255
            Image.fromarray(part).convert("RGB").save(folder / f"{number:05d}_{name}.png")
    return root


@pytest.fixture
def ffhq(tmp_path: Path) -> Path:
    """FFHQ with three training pictures and two test pictures."""
    root = tmp_path / "images1024x1024"
    for number in (0, 1, 67999, 68000, 69999):
        folder = root / f"{number // 1000 * 1000:05d}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(folder / f"{number:05d}.png")
    (root / "LICENSE.txt").write_text("terms")
    return root
