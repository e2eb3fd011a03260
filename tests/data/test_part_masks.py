from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from showface.data.part_masks import list_parts, paint, paint_labels
from showface.errors import DataError
from showface.semantics import OFFICIAL_ORDER


def white(path: Path, *, size: int = 6, rows: slice = slice(None)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = np.zeros((size, size), dtype=np.uint8)
    part[rows] = 255
    Image.fromarray(part).save(path)


def test_parts_are_found_by_number(celebamask: Path) -> None:
    folder = celebamask / "CelebAMask-HQ-mask-anno"
    (folder / "0" / "00004_notes.png").write_bytes(b"")
    parts = list_parts(folder)
    assert list(parts) == [0, 1, 2, 3, 5, 6, 7, 8, 2023]
    assert parts[2023] == folder / "1" / "02023"
    assert list_parts(folder / "none") == {}


def test_all_18_parts_by_the_names_of_the_files(tmp_path: Path) -> None:
    names = [
        "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear", "mouth", "u_lip", "l_lip",
        "hair", "hat", "ear_r", "neck_l", "neck", "cloth",
    ]  # fmt: skip
    for index, name in enumerate(names):
        white(tmp_path / "0" / f"00000_{name}.png", size=18, rows=slice(index, index + 1))
    assert np.array_equal(paint(tmp_path / "0" / "00000"), np.arange(1, 19)[:, None].repeat(18, 1))


def test_later_parts_lie_over_earlier_ones(tmp_path: Path) -> None:
    white(tmp_path / "0" / "00000_hair.png", rows=slice(0, 4))
    white(tmp_path / "0" / "00000_cloth.png", rows=slice(3, 5))
    white(tmp_path / "0" / "00000_skin.png", rows=slice(2, 5))
    hair, cloth = OFFICIAL_ORDER.index("hair"), OFFICIAL_ORDER.index("cloth")
    assert paint(tmp_path / "0" / "00000")[:, 0].tolist() == [hair, hair, hair, cloth, cloth, 0]


def test_parts_that_do_not_fit_or_are_gone(tmp_path: Path) -> None:
    white(tmp_path / "0" / "00000_skin.png")
    white(tmp_path / "0" / "00000_hair.png", size=5)
    with pytest.raises(DataError, match=r"00000_\*\.png: .* one size, found \[\(5, 5\), \(6, 6\)\]"):
        paint(tmp_path / "0" / "00000")
    with pytest.raises(DataError, match=r"00001_\*\.png: .* found none"):
        paint(tmp_path / "0" / "00001")


def test_painting_once_gives_the_same_maps_and_resumes(celebamask: Path, tmp_path: Path) -> None:
    folder, out = celebamask / "CelebAMask-HQ-mask-anno", tmp_path / "painted"
    assert paint_labels(folder, out) == 9
    for number, beginning in list_parts(folder).items():
        assert np.array_equal(np.asarray(Image.open(out / f"{number}.png")), paint(beginning))
    (out / "2.png").unlink()
    assert paint_labels(folder, out) == 1
