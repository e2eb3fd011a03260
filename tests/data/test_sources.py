from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from showface.data.faces import FaceSource, list_faces
from showface.data.sets import FaceSet
from showface.data.sources import face_sources
from showface.errors import DataError, SettingError


def write(folder: Path, *rows: Any) -> str:
    (folder / "faces.json").write_text(json.dumps(rows))
    return str(folder / "faces.json")


def test_a_folder_of_faces(faces: Path) -> None:
    assert face_sources(str(faces / "images")) == [FaceSource(folder=str(faces / "images"))]


def test_a_folder_of_images_and_labels(faces: Path) -> None:
    labelled = FaceSource(folder=str(faces / "images"), labels=str(faces / "labels"))
    assert face_sources(str(faces)) == [labelled]
    assert face_sources(write(faces.parent, {"folder": "faces"})) == [labelled]


def test_celebamask_as_downloaded(celebamask: Path) -> None:
    (source,) = face_sources(str(celebamask))
    assert source == FaceSet(
        folder=str(celebamask / "CelebA-HQ-img"),
        labels=str(celebamask / "CelebAMask-HQ-mask-anno"),
        layout="celebahq",
        split="train",
    )
    assert [int(face.picture.stem) for face in list_faces(source)] == [0, 1, 2, 3, 4, 5, 7, 8, 2023]  # 6 is for testing


def test_ffhq_as_downloaded_and_its_test_side(ffhq: Path) -> None:
    assert face_sources(str(ffhq)) == [FaceSet(folder=str(ffhq), layout="ffhq", split="train")]
    assert face_sources(str(ffhq), split="test") == [FaceSet(folder=str(ffhq), layout="ffhq", split="test")]
    everything = write(ffhq.parent, {"folder": ffhq.name, "split": "all"})
    assert len(list_faces(face_sources(everything)[0])) == 5
    plain = write(ffhq.parent, {"folder": ffhq.name, "layout": "folder"})
    assert face_sources(plain) == [FaceSource(folder=str(ffhq))]


def test_a_list_of_sources(faces: Path, celebamask: Path, tmp_path: Path) -> None:
    place = write(
        tmp_path,
        {"folder": "faces/images", "repeat": 3, "limit": 2, "labels": "faces/labels", "labelled_only": True},
        {"folder": str(celebamask), "labels": "", "split": "all", "pairs": "pairs.txt", "test_list": "test.txt"},
    )
    assert face_sources(place) == [
        FaceSource(
            folder=str(tmp_path / "faces/images"), repeat=3, limit=2, labels=str(faces / "labels"), labelled_only=True
        ),
        FaceSet(
            folder=str(celebamask / "CelebA-HQ-img"), layout="celebahq", split="all",
            pairs=str(tmp_path / "pairs.txt"), test_list=str(tmp_path / "test.txt"),
        ),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"folder": "faces", "repeats": 2}, "unknown field of a face source 'repeats'; did you mean 'repeat'"),
        ({"folder": "faces", "repeat": "2"}, "field repeat: expected int, found '2'"),
        ({"folder": "faces", "repeat": True}, "field repeat: expected int, found True"),
        ({"folder": 3}, "field folder: expected str, found 3"),
        ({"folder": "faces", "layout": "ffhk"}, "unknown layout 'ffhk'; did you mean 'ffhq'"),
        ({"folder": "faces", "layout": "ffhq", "split": "tset"}, "unknown split 'tset'; did you mean 'test'"),
        ({"folder": "faces", "split": "test"}, "split is for published sets"),
        ({"folder": "faces", "label_order": "bisnet"}, "did you mean 'bisenet'"),
    ],
)  # fmt: skip
def test_wrong_fields_are_refused_with_the_nearest_name(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    with pytest.raises(SettingError, match=reason):
        face_sources(write(tmp_path, row))


@pytest.mark.parametrize("text", ["{", "[]", '["faces"]', '[{"repeat": 2}]', '{"folder": "faces"}'])
def test_a_file_that_is_no_list_of_sources_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "faces.json").write_text(text)
    with pytest.raises(DataError, match=r"faces\.json: (not readable as JSON|expected a list of sources)"):
        face_sources(str(tmp_path / "faces.json"))


def test_a_place_that_is_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a folder of faces or a JSON list of sources, found nothing"):
        face_sources(str(tmp_path / "none"))
    (tmp_path / "faces.txt").touch()
    with pytest.raises(DataError, match="found a file"):
        face_sources(str(tmp_path / "faces.txt"))
