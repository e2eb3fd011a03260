"""The folder of decoded pictures: the same batches, one decoding, changes noticed, damage mended."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from showface.data import decoded as module
from showface.data.batches import DataConfig, FaceSamples
from showface.data.decoded import decoded
from showface.data.faces import FaceSource
from showface.data.mask_sets import MaskSource
from showface.errors import DataError, ImageError
from showface.images import read_image
from showface.training.configuration import Recipe, StageConfig
from showface.training.settings import with_cache


def pixels_of(path: Path) -> np.ndarray:
    return np.asarray(read_image(path))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.new("RGB", (6, 4), (10, 20, 30)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_samples_are_the_same_and_decoded_once(faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures, labels and masks, in two epochs."""
    (tmp_path / "masks").mkdir()
    for number in range(3):
        hole = np.zeros((80, 80), dtype=np.uint8)
        hole[10 : 30 + 10 * number, 20:50] = 255
        Image.fromarray(hole).save(tmp_path / "masks" / f"{number}.png")
    masks = MaskSource(folder=str(tmp_path / "masks"), drawn=0.0)
    source = FaceSource(folder=str(faces / "images"), labels=str(faces / "labels"))
    stage = StageConfig(name="coarse", steps=1, data=DataConfig(faces=(source,), masks=masks, size=32))
    recipe = with_cache(Recipe(name="one", stages=(stage,)), str(tmp_path / "cache"))
    plain, kept = (FaceSamples(each.data, seed=0) for each in (stage, recipe.stage("coarse")))
    entries: list[int] = []
    for first in (0, 20):
        for number in range(first, first + 20):
            for field in ("images", "masks", "labels"):
                assert torch.equal(getattr(plain[number], field), getattr(kept[number], field))
        entries.append(len(list((tmp_path / "cache").rglob("*.npy"))))
        monkeypatch.setattr(module, "_keep", lambda entry, pixels: pytest.fail("decoded again"))
    assert entries == [5 + 5 + 3] * 2


def test_what_is_kept_is_mapped_not_read(picture: Path, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    first, second = decoded(cache, picture, pixels_of), decoded(cache, picture, pixels_of)
    assert type(first) is np.ndarray and isinstance(second, np.memmap)
    assert second.dtype == np.uint8 and np.array_equal(first, second)


def test_a_changed_file_is_decoded_anew_and_replaces_what_was(picture: Path, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    decoded(cache, picture, pixels_of)
    Image.new("RGB", (6, 4), (99, 20, 30)).save(picture)
    os.utime(picture, ns=(1, 1))
    assert decoded(cache, picture, pixels_of)[0, 0, 0] == 99
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 1


def test_a_broken_entry_is_made_again(picture: Path, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    whole = decoded(cache, picture, pixels_of)
    (entry,) = (tmp_path / "cache").rglob("*.npy")
    for content in (b"", entry.read_bytes()[:-5], b"no array"):
        entry.write_bytes(content)
        assert np.array_equal(decoded(cache, picture, pixels_of), whole)
        assert isinstance(decoded(cache, picture, pixels_of), np.memmap)


def test_damaged_and_missing_pictures_leave_no_entry(picture: Path, tmp_path: Path) -> None:
    picture.write_bytes(picture.read_bytes()[:30])
    for path in (picture, tmp_path / "none.png"):
        with pytest.raises(ImageError):
            decoded(str(tmp_path / "cache"), path, pixels_of)
    assert not (tmp_path / "cache").exists()


def test_a_folder_that_cannot_be_written_is_said(picture: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="decoded pictures cannot be kept"):
        decoded(str(tmp_path / "file"), picture, pixels_of)
