from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from showface.data.likeness import ALIKE, BITS, groups, near_pairs, perceptual_hash, unpacked


def scene(seed: int, side: int = 128) -> Image.Image:
    """A picture with shapes of several sizes, as photographs have, that no other seed gives."""
    rng, sum_ = np.random.default_rng(seed), np.zeros((side, side, 3))
    for cells in (4, 9, 20):
        colours = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        sum_ += np.asarray(colours.resize((side, side), Image.Resampling.BICUBIC)) / 3
    return Image.fromarray(sum_.astype(np.uint8))


def saved_again(picture: Image.Image, side: int) -> Image.Image:
    stream = io.BytesIO()
    picture.resize((side, side), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=50)
    return Image.open(stream)


def test_copies_are_near_and_others_are_far() -> None:
    originals = [scene(seed) for seed in range(12)]
    copies = [saved_again(picture, side) for picture, side in zip(originals, [48, 64, 96] * 4, strict=True)]
    found = list(near_pairs([perceptual_hash(p) for p in originals], [perceptual_hash(p) for p in copies]))
    assert [(one, other) for one, other, _ in found] == [(n, n) for n in range(12)]
    assert all(apart <= ALIKE for _, _, apart in found)
    assert list(near_pairs([perceptual_hash(p) for p in originals])) == []


def test_a_mirrored_copy_is_a_copy() -> None:
    picture = scene(3)
    mirrored = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    ((one, other, apart),) = near_pairs([perceptual_hash(picture), perceptual_hash(mirrored)])
    assert (one, other) == (0, 1) and apart <= 2  # a wave that is nearly absent may have either sign


def test_pairs_equal_those_counted_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """In blocks smaller than the list, against exclusive-or of every pair; mirrored ones are too far here."""
    monkeypatch.setattr("showface.data.likeness._ROWS", 4)
    bits = np.random.default_rng(0).integers(0, 2, (11, BITS + 1), dtype=np.uint8)
    bits[:, -1] = 0
    for copy, original, flips in ((7, 2, 5), (10, 2, ALIKE), (9, 0, ALIKE + 1)):
        bits[copy] = bits[original]
        bits[copy, :flips] ^= 1
    hashes = [np.packbits(row).tobytes().hex() for row in bits]
    expected = {(2, 7, 5), (2, 10, ALIKE), (7, 10, ALIKE - 5)}
    assert set(near_pairs(hashes)) == expected
    assert set(near_pairs(hashes, most=ALIKE + 1)) == expected | {(0, 9, ALIKE + 1)}


def test_unpacked_is_the_signs() -> None:
    rows = unpacked([perceptual_hash(scene(0)), perceptual_hash(scene(1))])
    assert rows.shape == (2, BITS) and set(np.unique(rows)) == {-1.0, 1.0}
    assert unpacked([]).shape == (0, BITS)


def test_groups_join_what_has_a_member_in_common() -> None:
    assert groups([("a", "b"), ("c", "d"), ("b", "e"), ("f", "f")]) == [
        frozenset("abe"), frozenset("cd"), frozenset("f"),
    ]  # fmt: skip
    assert groups([("a", "b"), ("c", "d"), ("d", "a")]) == [frozenset("abcd")]
