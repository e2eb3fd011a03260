from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from showface.data import mask_sets
from showface.data.hidden_parts import PartMap, hidden_part
from showface.data.mask_sets import MaskSource, augment, list_masks, sample_mask
from showface.errors import DataError, SettingError
from showface.masks import BUCKETS, draw_free_form, read_mask
from showface.occluders.drawing import draw_occluder


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """Twelve irregular masks of 64 px with holes of 5 to 60 %, one of them empty."""
    folder = tmp_path / "masks"
    folder.mkdir()
    for index in range(12):
        share = (0.05 * index, 0.05 * index + 0.05)
        hole = draw_free_form(np.random.default_rng(index), 64, share) if index else np.zeros((64, 64), dtype=bool)
        Image.fromarray(hole).save(folder / f"{index:05d}.png")
    return folder


@pytest.mark.parametrize("drawn", [0.0, 0.2, 1.0])
def test_masks_are_binary_of_the_right_size_and_within_the_share(masks: Path, drawn: float) -> None:
    source = MaskSource(folder=str(masks), drawn=drawn, share=(0.1, 0.4))
    files, rng = list_masks(source), np.random.default_rng(0)
    for _ in range(25):
        hole = sample_mask(rng, source, files, 32)
        assert hole.shape == (32, 32) and hole.dtype == np.bool_
        assert 0.1 <= hole.mean() <= 0.4


def test_the_same_numbers_give_the_same_masks(masks: Path) -> None:
    source = MaskSource(folder=str(masks), drawn=0.5)
    first, again = (
        [sample_mask(rng, source, list_masks(source), 32) for _ in range(12)]
        for rng in (np.random.default_rng(3), np.random.default_rng(3))
    )
    assert np.array_equal(first, again) and len({hole.tobytes() for hole in first}) > 6


def test_without_a_folder_masks_are_drawn() -> None:
    source = MaskSource()
    assert list_masks(source) == []
    assert 0.01 <= sample_mask(np.random.default_rng(0), source, [], 32).mean() <= 0.6


def test_masks_that_all_lie_outside_the_share_give_way_to_drawn_ones(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((32, 32), dtype=bool)).save(tmp_path / "0.png")
    source = MaskSource(folder=str(tmp_path), drawn=0.0)
    assert sample_mask(np.random.default_rng(0), source, list_masks(source), 32).any()


@given(st.integers(0, 2**32), st.integers(20, 60), st.integers(20, 60), st.integers(8, 64))
@settings(max_examples=40)
def test_without_dilation_the_hole_keeps_its_values(seed: int, height: int, width: int, size: int) -> None:
    """Augmenting moves pixels and makes none: a full mask stays full, an empty one empty."""
    rng = np.random.default_rng(seed)
    assert augment(rng, np.ones((height, width), dtype=bool), size, 0).all()
    assert not augment(rng, np.zeros((height, width), dtype=bool), size, 8).any()


def test_every_turn_and_flip_occurs() -> None:
    corner = np.zeros((32, 32), dtype=bool)
    corner[0, 1:3] = True  # all eight images of it differ
    rng, seen = np.random.default_rng(0), set()
    for _ in range(200):
        hole = augment(rng, corner, 32, 0)
        if hole.sum() == 2:  # the whole mask, not a crop of it
            seen.add(tuple(np.argwhere(hole).ravel().tolist()))
    assert len(seen) >= 8


def test_an_inverted_set_is_refused(masks: Path) -> None:
    for path in masks.iterdir():
        Image.fromarray(~read_mask(path)).save(path)
    with pytest.raises(DataError, match="white must be the hole: invert"):
        list_masks(MaskSource(folder=str(masks)))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no picture in it"):
        list_masks(MaskSource(folder=str(tmp_path)))


def test_occluders_take_their_share(masks: Path) -> None:
    """An all-over share of 1 gives occluders only, 0.5 some of either; the range of hole shares holds for them too."""
    source = MaskSource(folder=str(masks), drawn=1.0, occluders=1.0)
    rng, twin = np.random.default_rng(0), np.random.default_rng(0)
    for _ in range(8):
        hole = sample_mask(rng, source, [], 64)
        twin.random()
        assert np.array_equal(hole, draw_occluder(twin, 64))
    files, some = list_masks(source), replace(source, occluders=0.5, share=(0.1, 0.4))
    assert all(0.1 <= sample_mask(rng, some, files, 32).mean() <= 0.4 for _ in range(20))


def test_parts_take_their_share_of_all_masks_and_so_do_occluders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Marked by their size: parts hide a half, occluders a quarter, strokes less; four standard deviations of 600."""

    def hiding(share: float) -> np.ndarray:
        return np.arange(16 * 16).reshape(16, 16) < share * 16 * 16

    monkeypatch.setattr(mask_sets, "hidden_part", lambda rng, face, size: hiding(0.5))
    monkeypatch.setattr(mask_sets, "draw_occluder", lambda rng, size: hiding(0.25))
    source = MaskSource(parts=0.6, occluders=0.3, drawn=1.0)
    rng = np.random.default_rng(0)
    shares = np.array([sample_mask(rng, replace(source, share=(0.01, 0.6)), [], 16).mean() for _ in range(600)])
    assert abs(np.mean(shares == 0.5) - 0.6) < 0.08 and abs(np.mean(shares == 0.25) - 0.3) < 0.08


def test_parts_are_those_of_the_face(monkeypatch: pytest.MonkeyPatch) -> None:
    source, rng, twin = MaskSource(parts=1.0, share=(0.01, 0.9)), np.random.default_rng(0), np.random.default_rng(0)
    for _ in range(8):
        hole = sample_mask(rng, source, [], 64)
        twin.random()
        assert np.array_equal(hole, hidden_part(twin, PartMap(), 64))


def test_small_parts_are_kept_and_large_or_empty_ones_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    holes = [np.zeros((32, 32), dtype=bool), np.ones((32, 32), dtype=bool), np.eye(32, dtype=bool)]
    source = MaskSource(parts=1.0, drawn=1.0, share=(0.1, 0.6))
    drawn = iter(holes)
    monkeypatch.setattr(mask_sets, "hidden_part", lambda rng, face, size: next(drawn))
    assert np.array_equal(sample_mask(np.random.default_rng(0), source, [], 32), holes[2])
    monkeypatch.setattr(mask_sets, "hidden_part", lambda rng, face, size: holes[0])
    assert 0.1 <= sample_mask(np.random.default_rng(0), source, [], 32).mean() <= 0.6  # strokes, after eight attempts


def test_without_occluders_no_mask_changes(masks: Path) -> None:
    """Runs of before the setting existed go on with the same masks."""
    source = MaskSource(folder=str(masks), drawn=0.5, dilation=0)
    digest = hashlib.sha256()
    rng = np.random.default_rng(7)
    for _ in range(12):
        digest.update(sample_mask(rng, source, list_masks(source), 32).tobytes())
    assert digest.hexdigest()[:16] == "70d2ececb7c00be2"


@pytest.mark.parametrize(
    "fields", [{"drawn": 1.5}, {"share": (0.4, 0.2)}, {"share": (0.0, 1.0)}, {"dilation": -1}, {"occluders": -0.1},
               {"parts": -0.1}, {"parts": 1.1}, {"parts": 0.6, "occluders": 0.5}, {"parts": float("nan")}]
)  # fmt: skip
def test_contradictory_sources_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(SettingError, match="mask source"):
        MaskSource(**fields)


@pytest.mark.parametrize("bucket", BUCKETS)
def test_drawn_masks_fill_each_bucket_evenly(bucket: str) -> None:
    """Mean and deviation of the shares are those of a uniform distribution over the bucket (4 standard errors)."""
    low, high = BUCKETS[bucket]
    rng, count = np.random.default_rng(1), 80
    shares = np.array([draw_free_form(rng, 48, (low, high)).mean() for _ in range(count)])
    deviation = (high - low) / 12**0.5
    assert low <= shares.min() and shares.max() <= high
    assert abs(shares.mean() - (low + high) / 2) < 4 * deviation / count**0.5
    assert 0.75 < shares.std() / deviation < 1.25
