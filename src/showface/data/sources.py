"""From what a person names (`--data`) to face sources."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from showface.data.faces import FaceSource
from showface.data.sets import CELEBAMASK_PARTS, CELEBAMASK_PICTURES, FaceSet, Split, recognised
from showface.errors import DataError, SettingError, unknown

LAYOUTS = ("folder", "celebamask", "celebahq", "ffhq")
PATHS = ("folder", "labels", "test_list", "pairs")


def face_sources(place: str, *, split: Split = "train", layout: str = "") -> list[FaceSource]:
    """The sources that `place` stands for: a folder of faces, or a JSON file that lists them.

    A folder with `images` and `labels` below it brings its labels along. Of a published set (`sets.py`), recognised by
    what is in the folder, only the side `split` is taken. In a JSON file each source has the fields of `FaceSet`; a
    `layout` other than the recognised one may be "folder" (take everything), "celebamask", "celebahq" or "ffhq", and
    relative paths are taken from where the file is. `layout` says what a folder holds; "" = as recognised.
    """
    path = Path(place)
    if path.is_dir():
        return [_source({"folder": str(path), "layout": layout}, split)]
    if path.suffix == ".json" and path.is_file():
        return [_source(_checked(path, row), split) for row in _rows(path)]
    found = "a file" if path.exists() else "nothing"
    raise DataError(f"{place}: expected a folder of faces or a JSON list of sources, found {found}")


def _source(row: dict[str, Any], split: Split) -> FaceSource:
    """The source that the fields of `row` describe; what they leave open is seen from the folder."""
    folder = Path(row["folder"])
    layout = row.get("layout") or recognised(folder)
    if layout == "celebamask":
        row = {"labels": str(folder / CELEBAMASK_PARTS)} | row | {"folder": str(folder / CELEBAMASK_PICTURES)}
        layout = "celebahq"
    if layout != "folder":
        return FaceSet(**({"split": split} | row | {"layout": layout}))
    own = {field.name for field in fields(FaceSource)}
    for name in row.keys() - own - {"layout"}:
        raise SettingError(f"face source {folder}: {name} is for published sets; say which: layout celebahq or ffhq")
    if (folder / "images").is_dir():
        labels = {"labels": str(folder / "labels")} if (folder / "labels").is_dir() else {}
        row = labels | row | {"folder": str(folder / "images")}
    return FaceSource(**{name: value for name, value in row.items() if name in own})


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as JSON: {error}") from error
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) and "folder" in row for row in rows):
        raise DataError(f'{path}: expected a list of sources such as {{"folder": "faces", "repeat": 2}}')
    return rows


def _checked(path: Path, row: dict[str, Any]) -> dict[str, Any]:
    """`row` of the JSON file `path` with known fields of the right types and paths from where the file is."""
    hints = get_type_hints(FaceSet)
    for name, value in row.items():
        if name not in hints:
            raise SettingError(f"{path}: {unknown('field of a face source', name, hints)}")
        choices = LAYOUTS if name == "layout" else get_args(hints[name])
        expected = str if choices else hints[name]
        if type(value) is not expected:
            raise SettingError(f"{path}: field {name}: expected {expected.__name__}, found {value!r}")
        if choices and value not in choices:
            raise SettingError(f"{path}: {unknown(name, value, choices)}")
    return row | {name: str(path.parent / row[name]) for name in PATHS if row.get(name)}
