from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from showface.data.faces import Face, FaceSource, list_faces, list_pictures, read_label
from showface.errors import DataError, ImageError, SettingError
from showface.semantics import BISENET_ORDER, OFFICIAL_ORDER, merged


def labelled(faces: Path, **fields: object) -> FaceSource:
    return FaceSource(folder=str(faces / "images"), labels=str(faces / "labels"), **fields)


# ------------------------------------------------------------------ pictures


def test_pictures_of_all_sub_folders_in_the_order_of_their_paths(faces: Path) -> None:
    (faces / "images" / "deeper").mkdir()
    Image.new("RGB", (4, 4)).save(faces / "images" / "deeper" / "A.JPG")
    (faces / "images" / "notes.txt").write_text("no picture")
    names = [p.relative_to(faces / "images").as_posix() for p in list_pictures(faces / "images")]
    assert names == ["deeper/A.JPG", *(f"face{i}.png" for i in range(5))]


def test_folders_without_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no picture in it"):
        list_pictures(tmp_path)
    with pytest.raises(DataError, match="found nothing"):
        list_pictures(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="found a file"):
        list_pictures(tmp_path / "file")


# ------------------------------------------------------------------ faces and their labels


def test_faces_find_their_labels_by_name(faces: Path) -> None:
    (faces / "labels" / "face3.png").unlink()
    found = list_faces(labelled(faces))
    assert [face.label and face.label.name for face in found] == [
        "face0.png", "face1.png", "face2.png", None, "face4.png",
    ]  # fmt: skip
    assert len(list_faces(labelled(faces, labelled_only=True))) == 4
    assert len(list_faces(labelled(faces, limit=2))) == 2


def test_numbers_match_with_and_without_zeros(faces: Path) -> None:
    (faces / "images" / "face0.png").rename(faces / "images" / "00042.png")
    (faces / "labels" / "face0.png").rename(faces / "labels" / "42.png")
    found = list_faces(labelled(faces))[0]
    assert found.label == faces / "labels" / "42.png"


def test_names_that_do_not_tell_the_label_are_refused(faces: Path) -> None:
    (faces / "images" / "other").mkdir()
    shutil.copy(faces / "images" / "face1.png", faces / "images" / "other" / "face1.png")
    with pytest.raises(DataError, match=r"one file per name.*face1\.png.*rename"):
        list_faces(labelled(faces))
    assert len(list_faces(FaceSource(folder=str(faces / "images")))) == 6


def test_labels_that_are_not_there_are_refused(faces: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected label maps"):
        list_faces(FaceSource(folder=str(faces / "images"), labels=str(tmp_path / "none")))
    for path in (faces / "labels").iterdir():
        path.rename(path.with_name(f"x{path.name}"))
    with pytest.raises(DataError, match="none of its pictures has a label"):
        list_faces(labelled(faces, labelled_only=True))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"repeat": 0}, "repeat"),
        ({"limit": -1}, "limit"),
        ({"labelled_only": True}, "needs a folder of labels"),
    ],
)
def test_contradictory_sources_are_refused(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(SettingError, match=reason):
        FaceSource(folder="faces", **fields)


# ------------------------------------------------------------------ label maps


def test_both_orders_of_the_same_classes_give_the_same_map(tmp_path: Path) -> None:
    Image.fromarray(np.arange(19, dtype=np.uint8)[None]).save(tmp_path / "official.png")
    as_bisenet = np.array([[BISENET_ORDER.index(c) for c in OFFICIAL_ORDER]], dtype=np.uint8)
    Image.fromarray(as_bisenet).save(tmp_path / "bisenet.png")
    official = read_label(Face(Path(), tmp_path / "official.png", "official"))
    bisenet = read_label(Face(Path(), tmp_path / "bisenet.png", "bisenet"))
    assert official is not None and bisenet is not None and np.array_equal(official, bisenet)
    assert official[0].tolist() == merged(OFFICIAL_ORDER)


def test_part_masks_are_painted(celebamask: Path) -> None:
    source = FaceSource(folder=str(celebamask / "CelebA-HQ-img"), labels=str(celebamask / "CelebAMask-HQ-mask-anno"))
    by_name = {face.picture.stem: face for face in list_faces(source)}
    assert by_name["4"].label is None and read_label(by_name["4"]) is None
    classes = read_label(by_name["2023"])
    assert classes is not None and set(np.unique(classes)) <= {0, 1, 3, 12} and classes.max() == 12


@pytest.mark.parametrize(
    "wrong",
    [
        np.full((4, 4), 19, dtype=np.uint8),
        np.zeros((4, 4, 3), dtype=np.uint8),
        np.zeros((4, 4), dtype=np.uint16),
        np.zeros((4, 4), dtype=bool),
    ],
)  # fmt: skip
def test_what_is_no_map_of_classes_is_refused(tmp_path: Path, wrong: np.ndarray) -> None:
    Image.fromarray(wrong).save(tmp_path / "label.png")
    with pytest.raises(DataError, match=r"label\.png: expected one class index below 19"):
        read_label(Face(Path(), tmp_path / "label.png", "official"))


def test_a_damaged_label_is_named(tmp_path: Path) -> None:
    (tmp_path / "label.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(ImageError, match=r"label\.png"):
        read_label(Face(Path(), tmp_path / "label.png", "official"))
