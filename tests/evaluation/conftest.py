"""A small set of drawn faces (coloured noise) and masks in every bucket."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from showface.masks import BUCKETS, draw_free_form


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Five faces of 48 px, one of them of 96, and four masks a bucket of 96 px, numbered as the NVIDIA set."""
    rng = np.random.default_rng(0)
    faces, masks = tmp_path / "faces", tmp_path / "masks"
    faces.mkdir()
    masks.mkdir()
    for i in range(5):
        cells = rng.integers(0, 256, (6, 6, 3)).astype(np.uint8)
        Image.fromarray(cells).resize((48 + 48 * (i == 2),) * 2, Image.Resampling.BICUBIC).save(faces / f"{i}.png")
    for first, (low, high) in zip((0, 4000, 8000), BUCKETS.values(), strict=True):
        for i in range(4):
            hole = draw_free_form(rng, 96, (low + 0.02, high - 0.02))
            Image.fromarray(hole).save(masks / f"{first + i:05d}.png")
    return faces, masks
