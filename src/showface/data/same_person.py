"""Which pictures show the same person, from a table (CSV) with the columns `person` and `file`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from showface.data.faces import Face
from showface.data.pair_tables import pairs_in
from showface.errors import DataError

COLUMNS = ("person", "file")


def other_pictures(table: str | Path, faces: Iterable[Face]) -> dict[Path, tuple[Face, ...]]:
    """For each picture of `faces`, the others of the same person; one without others is left out.

    Rows of `table` that name further pictures are not used.
    """
    people, shown = read_people(table), dict[str, list[Face]]()
    for face in {face.picture: face for face in faces}.values():
        person = people.get(face.picture.resolve())
        if person is not None:
            shown.setdefault(person, []).append(face)
    return {
        face.picture: tuple(other for other in own if other is not face)
        for own in shown.values()
        for face in own
        if len(own) > 1
    }


def read_people(table: str | Path) -> dict[Path, str]:
    """The person that each picture of a table shows; paths are taken from where the table is."""
    path, people = Path(table), dict[Path, str]()
    for place, person, file in pairs_in(path, COLUMNS, about="who is in which picture"):
        picture = (path.parent / file).resolve()
        if people.setdefault(picture, person) != person:
            raise DataError(f"{place}: {file} is of {person}, before of {people[picture]}")
    return people
