"""The NVIDIA masks in their official folders: training masks with black as the hole, test masks with white."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from showface.data.mask_sets import MaskSource, list_masks
from showface.data.prepare_masks import mask_folders, prepare_masks
from showface.errors import DataError
from showface.images import open_image
from showface.masks import draw_free_form, read_mask


def hole(number: int) -> np.ndarray:
    return draw_free_form(np.random.default_rng(number), 48, (0.1, 0.4))


@pytest.fixture
def nvidia(tmp_path: Path) -> Path:
    training = tmp_path / "nvidia" / "irregular_mask" / "disocclusion_img_mask"
    testing = tmp_path / "nvidia" / "mask" / "testing_mask_dataset"
    for folder in (training, testing):
        folder.mkdir(parents=True)
    for number in range(4):
        Image.fromarray((~hole(number) * 255).astype(np.uint8)).save(training / f"{number + 1:05d}.png")
        Image.fromarray((hole(10 + number) * 255).astype(np.uint8)).save(testing / f"{number:05d}.png")
    return tmp_path / "nvidia"


def test_both_sets_come_out_white_is_the_hole(nvidia: Path, tmp_path: Path) -> None:
    done = prepare_masks(mask_folders(nvidia), tmp_path / "out", workers=2)
    assert (done.masks, done.new, done.inverted, done.faults) == (8, 8, 4, [])
    assert sum(done.buckets.values()) == 8 and done.buckets["40-60"] == 0
    for number in range(4):
        np.testing.assert_array_equal(read_mask(tmp_path / "out" / "train" / f"{number + 1:05d}.png"), hole(number))
        np.testing.assert_array_equal(read_mask(tmp_path / "out" / "test" / f"{number:05d}.png"), hole(10 + number))
    assert open_image(tmp_path / "out" / "train" / "00001.png").mode == "1"
    assert len(list_masks(MaskSource(folder=str(tmp_path / "out" / "train")))) == 4  # the loader takes them


def test_the_official_training_masks_as_they_are_would_be_refused_by_the_loader(nvidia: Path) -> None:
    with pytest.raises(DataError, match="invert them"):
        list_masks(MaskSource(folder=str(nvidia / "irregular_mask")))


def test_a_second_run_does_nothing_and_a_lost_one_is_made_again(nvidia: Path, tmp_path: Path) -> None:
    folders, out = mask_folders(nvidia), tmp_path / "out"
    prepare_masks(folders, out, size=24)
    assert {open_image(p).size for p in (out / "test").iterdir()} == {(24, 24)}
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()}
    assert prepare_masks(folders, out, size=24).new == 0
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()} == before
    (out / "test" / "00002.png").unlink()
    assert prepare_masks(folders, out, size=24).new == 1
    with pytest.raises(DataError, match="size 24 there, 48 here"):
        prepare_masks(folders, out, size=48)


def test_one_of_the_folders_by_itself(nvidia: Path) -> None:
    (one,) = mask_folders(nvidia / "irregular_mask" / "disocclusion_img_mask")
    assert (one.name, one.inverted) == ("train", True)


@pytest.mark.parametrize(("invert", "cure"), [(None, "--invert turns them round"), (True, "--no-invert keeps them")])
def test_polarity_is_not_guessed_but_refused(nvidia: Path, tmp_path: Path, invert: bool | None, cure: str) -> None:
    official = nvidia / "irregular_mask" / "disocclusion_img_mask"
    folder = official.rename(tmp_path / "mine") if invert is None else nvidia / "mask"
    with pytest.raises(DataError, match=cure):
        prepare_masks(mask_folders(folder, invert=invert), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    if invert is None:
        done = prepare_masks(mask_folders(folder, invert=True), tmp_path / "out")
        assert done.inverted == 4
        np.testing.assert_array_equal(read_mask(tmp_path / "out" / "00001.png"), hole(0))


def test_a_damaged_mask_is_named_and_the_rest_prepared(nvidia: Path, tmp_path: Path) -> None:
    damaged = nvidia / "mask" / "testing_mask_dataset" / "00001.png"
    damaged.write_bytes(damaged.read_bytes()[:60])
    done = prepare_masks(mask_folders(nvidia), tmp_path / "out")
    assert done.masks == 7 and len(done.faults) == 1 and "00001.png" in done.faults[0]
    assert not (tmp_path / "out" / "test" / "00001.png").exists()
