"""Which pictures show the same person, from a table (CSV) with the columns `person` and `file`."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from showface.data.faces import Face
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
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines)
            columns = rows.fieldnames or ()
            if not set(COLUMNS) <= set(columns):
                found = ", ".join(columns) or "nothing"
                raise DataError(f"{path}: expected a table with the columns person and file, found {found}")
            for row in rows:
                person, file = (row[column] for column in COLUMNS)
                if not person or not file:
                    raise DataError(f"{path}: line {rows.line_num}: expected a person and a file, found one empty")
                picture = (path.parent / file).resolve()
                if people.setdefault(picture, person) != person:
                    raise DataError(f"{path}: line {rows.line_num}: {file} is of {person}, before of {people[picture]}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not readable as a table (CSV) of who is in which picture: {error}") from error
    return people
