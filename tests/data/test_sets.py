from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from showface.data import sets
from showface.data.faces import list_faces, read_label
from showface.data.sets import FaceSet, recognised
from showface.data.split import celebahq_test
from showface.errors import DataError


def numbers(source: FaceSet) -> list[int]:
    return [int(face.picture.stem) for face in list_faces(source)]


@pytest.fixture
def celebahq(tmp_path: Path) -> Path:
    """The first hundred pictures of CelebA-HQ, as empty files: listing does not open them."""
    folder = tmp_path / "hq"
    folder.mkdir()
    for number in range(100):
        (folder / f"{number}.jpg").touch()
    return folder


def test_the_sides_of_celebahq_are_disjoint_and_complete(celebahq: Path) -> None:
    every, train, test = (
        numbers(FaceSet(folder=str(celebahq), layout="celebahq", split=split)) for split in ("all", "train", "test")
    )
    assert every == list(range(100))  # by number, not 0, 1, 10, 11 as by name
    assert test == sorted(n for n in celebahq_test() if n < 100) and test
    assert not set(train) & set(test) and sorted(train + test) == every


def test_the_sides_of_ffhq(ffhq: Path) -> None:
    assert numbers(FaceSet(folder=str(ffhq), layout="ffhq", split="train")) == [0, 1, 67999]
    assert numbers(FaceSet(folder=str(ffhq), layout="ffhq", split="test")) == [68000, 69999]
    assert numbers(FaceSet(folder=str(ffhq), layout="ffhq", split="test", limit=1)) == [68000]


def test_a_list_and_pairs_of_a_person(celebahq: Path, tmp_path: Path) -> None:
    (tmp_path / "test.flist").write_text("img00000003.png\nimg00000010.png\nimg00000090.png\n")
    (tmp_path / "pairs.txt").write_text("10 11\n")
    own = {"folder": str(celebahq), "layout": "celebahq", "test_list": str(tmp_path / "test.flist")}
    assert numbers(FaceSet(**own, split="test")) == [3, 10, 90]
    own["pairs"] = str(tmp_path / "pairs.txt")
    assert numbers(FaceSet(**own, split="test")) == [3, 10, 11]
    assert set(numbers(FaceSet(**own, split="train"))) == set(range(100)) - {3, 10, 11}


def test_celebamask_pictures_have_their_parts_as_labels(celebamask: Path) -> None:
    parts = str(celebamask / "CelebAMask-HQ-mask-anno")
    source = FaceSet(folder=str(celebamask / "CelebA-HQ-img"), labels=parts, layout="celebahq", labelled_only=True)
    found = list_faces(source)
    assert [int(face.picture.stem) for face in found] == [0, 1, 2, 3, 5, 6, 7, 8, 2023]
    assert all(face.parts and read_label(face) is not None for face in found)


@pytest.mark.parametrize(
    ("name", "reason"), [("30000.jpg", "number below 30,000"), ("face.jpg", "number below"), ("00007.png", "twice")]
)
def test_a_picture_that_does_not_belong_there_is_refused(celebahq: Path, name: str, reason: str) -> None:
    (celebahq / name).touch()
    with pytest.raises(DataError, match=reason):
        list_faces(FaceSet(folder=str(celebahq), layout="celebahq"))


def test_an_empty_side_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "0.png")
    with pytest.raises(DataError, match="none of its 1 pictures is on the test side"):
        list_faces(FaceSet(folder=str(tmp_path), layout="ffhq", split="test"))


# ------------------------------------------------------------------ recognition


def test_sets_are_recognised_by_what_is_in_them(
    celebamask: Path, celebahq: Path, ffhq: Path, faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert recognised(celebamask) == "celebamask"
    assert recognised(ffhq) == "ffhq"
    assert recognised(faces) == recognised(faces / "images") == recognised(faces / "none") == "folder"
    assert recognised(celebahq) == "folder"  # a part of the numbers proves nothing
    monkeypatch.setattr(sets, "CELEBAHQ_COUNT", 100)
    assert recognised(celebahq) == "celebahq"


def test_a_folder_that_only_looks_like_a_thousand(tmp_path: Path) -> None:
    (tmp_path / "10000").mkdir()
    assert recognised(tmp_path) == "folder"
    (tmp_path / "10000" / "20000.png").touch()
    assert recognised(tmp_path) == "folder"
