from __future__ import annotations

from pathlib import Path

import pytest

from showface.data.faces import FaceSource, list_faces
from showface.data.same_person import other_pictures, read_people
from showface.errors import DataError


def table(folder: Path, *rows: str, header: str = "person,file") -> str:
    (folder / "people.csv").write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return str(folder / "people.csv")


def test_the_others_of_a_person_whatever_else_the_table_names(faces: Path) -> None:
    listed = list_faces(FaceSource(folder=str(faces / "images")))
    place = table(
        faces,
        "anna,images/face0.png", "anna,images/face3.png", "bert,images/face1.png", "anna,images/face4.png",
        "bert,elsewhere/face2.png", "carl,images/face2.png",
    )  # fmt: skip
    found = other_pictures(place, [*listed, *listed])  # repeated ones count once
    stems = {picture.stem: [face.picture.stem for face in others] for picture, others in found.items()}
    assert stems == {"face0": ["face3", "face4"], "face3": ["face0", "face4"], "face4": ["face0", "face3"]}


def test_paths_are_taken_from_where_the_table_is(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = table(faces, f"anna,{faces / 'images' / 'face0.png'}", "anna,labels/../images/face1.png")
    monkeypatch.chdir(faces / "images")
    listed = list_faces(FaceSource(folder="."))
    assert {path.stem for path in other_pictures(place, listed)} == {"face0", "face1"}


def test_further_columns_and_another_order_do_not_matter(tmp_path: Path) -> None:
    place = table(tmp_path, "a.png,2019,anna", "b.png,2020,anna", header="file,year,person")
    assert read_people(place) == {tmp_path / "a.png": "anna", tmp_path / "b.png": "anna"}


@pytest.mark.parametrize(
    ("header", "row", "reason"),
    [
        ("name,file", "anna,a.png", "expected a table with the columns person and file, found name, file"),
        ("", "", "found nothing"),
        ("person,file", "anna", "line 3: expected a person and a file, found one empty"),
        ("person,file", ",b.png", "line 3: expected a person and a file, found one empty"),
        ("person,file", "bert,a.png", "line 3: a.png is of bert, before of anna"),
    ],
)
def test_a_malformed_table_is_one_clear_line(tmp_path: Path, header: str, row: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason) as caught:
        read_people(table(tmp_path, "anna,a.png", row, header=header))
    assert "people.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_or_unreadable_table_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_bytes(b"person,file\nanna,\xff\xfe.png\n")
    for place in (tmp_path / "people.csv", tmp_path / "none.csv", tmp_path):
        with pytest.raises(DataError, match="not readable as a table") as caught:
            read_people(place)
        assert "\n" not in str(caught.value)
