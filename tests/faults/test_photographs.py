"""faults.md 7 on the command line: a photograph as it comes from a phone keeps all that belongs to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from showface.cli.main import main
from showface.photo.decode import decode

DOWN, ACROSS = np.mgrid[:40, :48]
PIXELS = np.stack([80 + 2 * DOWN, 90 + 2 * ACROSS, 160 - DOWN - ACROSS], -1).astype(np.uint8)
MAKE, ORIENTATION, EXIF, TAKEN = 271, 274, 0x8769, 0x9003
DATE = "2020:01:02 03:04:05"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """phone.jpg, stored lying on its side with profile and EXIF, and mask.png drawn on the upright picture."""
    exif = Image.Exif()
    exif[MAKE], exif[ORIENTATION], exif[EXIF] = "A phone", 6, {TAKEN: DATE}
    lying = Image.fromarray(np.rot90(PIXELS).copy())
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    lying.save(tmp_path / "phone.jpg", exif=exif, icc_profile=profile, quality=90)
    hole = np.zeros(PIXELS.shape[:2], dtype=bool)
    hole[8:24, 8:24] = True
    Image.fromarray(hole).save(tmp_path / "mask.png")
    return tmp_path


@pytest.mark.parametrize("name", ["out.jpg", "out.png", "out.tif", "out.webp"])
def test_7_a_camera_s_photograph_keeps_what_belongs_to_it(folder: Path, tiny_weights: Path, name: str) -> None:
    words = ["inpaint", str(folder / "phone.jpg"), "--mask", str(folder / "mask.png"), "--out", str(folder / name)]
    words += ["--weights", str(tiny_weights), "--device", "cpu"]
    assert main(words) == 0
    before, after = decode(folder / "phone.jpg"), decode(folder / name)
    with Image.open(folder / name) as written:
        exif = written.getexif()
        assert written.size == (48, 40) and written.info["icc_profile"] == before.metadata.icc_profile
        assert exif[MAKE] == "A phone" and ORIENTATION not in exif and exif.get_ifd(EXIF)[TAKEN] == DATE
    known = np.ones((40, 48), dtype=bool)
    known[:32, :32] = False  # the hole, and the JPEG's blocks that it touches
    moved = np.abs(after.rgb().astype(int) - before.rgb())[known]
    assert moved.mean() < 0.5 if name == "out.jpg" else not moved.any()
    assert np.abs(after.rgb().astype(int) - before.rgb())[~known].any()

    assert main([*words, "--strip-metadata", "--overwrite"]) == 0
    with Image.open(folder / name) as written:
        assert not {MAKE, EXIF, ORIENTATION} & set(written.getexif()) and "icc_profile" not in written.info
