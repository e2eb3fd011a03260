"""From what a person names (`--data`) to face sources."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from showface.data.faces import FaceSource
from showface.errors import DataError, SettingError, unknown


def face_sources(place: str) -> list[FaceSource]:
    """The sources that `place` stands for: a folder of faces, or a JSON file that lists `FaceSource` values.

    A folder with `images` and `labels` below it brings its labels along. In a JSON file relative folders are taken
    from where the file is.
    """
    path = Path(place)
    if path.is_dir():
        return [_folder(path)]
    if path.suffix == ".json" and path.is_file():
        return _listed(path)
    raise DataError(
        f"{place}: expected a folder of faces or a JSON list of sources, found {'a file' if path.exists() else 'nothing'}"
    )


def _folder(path: Path) -> FaceSource:
    if (path / "images").is_dir():
        labels = str(path / "labels") if (path / "labels").is_dir() else ""
        return FaceSource(folder=str(path / "images"), labels=labels)
    return FaceSource(folder=str(path))


def _listed(path: Path) -> list[FaceSource]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as JSON: {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "folder" in row for row in rows):
        raise DataError(f'{path}: expected a list of sources such as {{"folder": "faces", "repeat": 2}}')
    return [_source(path.parent, row) for row in rows]


def _source(root: Path, row: dict[str, Any]) -> FaceSource:
    known = [field.name for field in fields(FaceSource)]
    for name in row:
        if name not in known:
            raise SettingError(unknown("field of a face source", name, known))
    places = {name: str(root / row[name]) for name in ("folder", "labels") if row.get(name)}
    return FaceSource(**(row | places))
