"""The table of faces and masks: fixed, seeded, hashed (method.md §9)."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import showface
from showface.errors import DataError, MaskError, SettingError
from showface.evaluation.protocol.pairs import (
    ProtocolConfig,
    bucket_of_number,
    bucket_of_share,
    make_protocol,
    read_face,
    read_sized_mask,
)
from showface.masks import BUCKETS, hole_share

Folders = tuple[Path, Path]


def test_same_names_and_seed_give_the_same_table_anywhere(folders: Folders, tmp_path: Path) -> None:
    first = make_protocol(ProtocolConfig(faces=folders[0], masks=folders[1], size=48))
    moved = [Path(shutil.copytree(folder, tmp_path / "elsewhere" / folder.name)) for folder in folders]
    second = make_protocol(ProtocolConfig(faces=moved[0], masks=moved[1], size=48))
    assert first.digest == second.digest
    names = [[(p.face.name, p.mask.name) for p in pairs] for pairs in first.pairs.values()]
    assert names == [[(p.face.name, p.mask.name) for p in pairs] for pairs in second.pairs.values()]


def test_every_bucket_holds_every_face_once_under_a_mask_of_that_bucket(folders: Folders) -> None:
    protocol = make_protocol(ProtocolConfig(faces=folders[0], masks=folders[1], size=48))
    assert list(protocol.pairs) == list(BUCKETS)
    for bucket, pairs in protocol.pairs.items():
        assert [p.face.name for p in pairs] == [f"{i}.png" for i in range(5)]
        assert {bucket_of_share(hole_share(read_sized_mask(p.mask, 48))) for p in pairs} == {bucket}
        assert len({p.mask for p in pairs}) == 4  # five faces, four masks: all dealt before one comes again


def test_the_seed_and_the_names_change_the_hash(folders: Folders) -> None:
    config = {"faces": folders[0], "masks": folders[1], "size": 48}
    digest = make_protocol(ProtocolConfig(**config)).digest
    assert make_protocol(ProtocolConfig(**config, seed=1)).digest != digest
    (folders[0] / "4.png").rename(folders[0] / "5.png")
    assert make_protocol(ProtocolConfig(**config)).digest != digest


def test_a_limit_keeps_the_pairs_of_the_first_faces(folders: Folders) -> None:
    whole = make_protocol(ProtocolConfig(faces=folders[0], masks=folders[1], size=48))
    part = make_protocol(ProtocolConfig(faces=folders[0], masks=folders[1], size=48, limit=2))
    assert part.pairs == {bucket: pairs[:2] for bucket, pairs in whole.pairs.items()}


def test_the_file_numbers_of_the_nvidia_set_agree_with_the_shares_here(folders: Folders) -> None:
    tables = [
        make_protocol(ProtocolConfig(faces=folders[0], masks=folders[1], size=48, bucket_by=by))
        for by in ("share", "number")
    ]
    assert tables[0].pairs == tables[1].pairs and tables[0].digest == tables[1].digest


@pytest.mark.parametrize(
    ("name", "bucket"),
    [("00000", "1-20"), ("03999", "1-20"), ("04000", "20-40"), ("11999", "40-60"), ("12000", None)],
)
def test_bucket_of_number(name: str, bucket: str | None) -> None:
    assert bucket_of_number(Path(f"{name}.png")) == bucket


@given(st.floats(0, 1))
def test_bucket_of_share_is_the_one_whose_bounds_hold_it(share: float) -> None:
    bucket = bucket_of_share(share)
    if bucket is None:
        assert share <= 0.01 or share > 0.6
    else:
        assert BUCKETS[bucket][0] < share <= BUCKETS[bucket][1]


def test_masks_are_reduced_by_nearest_neighbour_as_pillow_does(folders: Folders) -> None:
    path = folders[1] / "04000.png"
    for size in (48, 37, 96):
        expected = np.asarray(Image.open(path).resize((size, size), Image.Resampling.NEAREST))
        np.testing.assert_array_equal(read_sized_mask(path, size), expected)


def test_faces_of_the_right_size_are_taken_bit_by_bit_and_others_reduced(folders: Folders) -> None:
    stored = np.asarray(Image.open(folders[0] / "0.png"))
    assert torch.equal(read_face(folders[0] / "0.png", 48), torch.from_numpy(stored.copy()).permute(2, 0, 1))
    assert read_face(folders[0] / "2.png", 48).shape == (3, 48, 48)


def test_refusals(folders: Folders, tmp_path: Path) -> None:
    faces, masks = folders
    with pytest.raises(SettingError, match="limit -1"):
        ProtocolConfig(faces=faces, masks=masks, limit=-1)
    with pytest.raises(DataError, match="expected a folder"):
        make_protocol(ProtocolConfig(faces=tmp_path / "none", masks=masks))
    with pytest.raises(DataError, match="expected a number as name"):
        bucket_of_number(Path("strokes.png"))
    Image.new("RGB", (48, 40)).save(faces / "wide.png")
    with pytest.raises(DataError, match="square, aligned face, found 48 x 40"):
        read_face(faces / "wide.png", 48)
    empty = tmp_path / "empty"
    empty.mkdir()
    Image.new("1", (48, 48)).save(empty / "0.png")
    with pytest.raises(DataError, match="no mask with a hole"):
        make_protocol(ProtocolConfig(faces=faces, masks=empty))


def test_faces_are_refused_in_place_of_masks() -> None:
    """The two folders given the wrong way round, or one of them twice."""
    face = sorted((Path(showface.__file__).parent / "release" / "samples" / "faces").glob("*.webp"))[0]
    with pytest.raises(MaskError, match=r"07043\.webp: expected a mask of two colours"):
        read_sized_mask(face, 256)
