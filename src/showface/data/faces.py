"""Sets of face pictures: any folder, with or without parsing labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from showface.errors import DataError, SettingError
from showface.images import SUFFIXES, open_image
from showface.semantics import BISENET_ORDER, OFFICIAL_ORDER, merge

LabelOrder = Literal["official", "bisenet"]
ORDERS = {"official": OFFICIAL_ORDER, "bisenet": BISENET_ORDER}


@dataclass(frozen=True, kw_only=True)
class FaceSource:
    """One folder of faces and how much of a training set it makes up."""

    folder: str  # searched with all its sub-folders
    repeat: int = 1  # how often each picture occurs in one epoch
    limit: int = 0  # only the first so many pictures in the order of their paths; 0 = all
    labels: str = ""  # folder of PNG class indices with the pictures' stems; "" = none
    label_order: LabelOrder = "official"  # what the label indices mean
    labelled_only: bool = False  # leave pictures without a label out

    def __post_init__(self) -> None:
        if self.repeat < 1 or self.limit < 0:
            raise SettingError(f"face source {self.folder}: repeat must be at least 1 and limit at least 0")
        if self.labelled_only and not self.labels:
            raise SettingError(f"face source {self.folder}: labelled_only needs a folder of labels")


@dataclass(frozen=True)
class Face:
    """One picture of a set, with its label map if it has one."""

    picture: Path
    label: Path | None
    label_order: LabelOrder


def list_pictures(folder: str | Path) -> list[Path]:
    """All pictures below `folder`, in the order of their paths."""
    root = Path(folder)
    if not root.is_dir():
        raise DataError(f"{root}: expected a folder of pictures, found {'a file' if root.exists() else 'nothing'}")
    found = sorted(p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not found:
        raise DataError(f"{root}: no picture in it (looked for {', '.join(sorted(SUFFIXES))})")
    return found


def list_faces(source: FaceSource) -> list[Face]:
    """The faces of one source, each once; `repeat` is left to the batches."""
    pictures = list_pictures(source.folder)
    labels = {p.stem: p for p in Path(source.labels).rglob("*.png")} if source.labels else {}
    if source.labels and not labels:
        raise DataError(f"{source.labels}: expected label maps (PNG), found none")
    faces = [Face(p, labels.get(p.stem), source.label_order) for p in pictures]
    if source.labelled_only:
        faces = [face for face in faces if face.label is not None]
    return faces[: source.limit or None]


def read_label(face: Face, class_map: str) -> UInt8[np.ndarray, "h w"] | None:
    """The semantic map of `face` with the 14 categories of `class_map`, at its stored size; None without a label."""
    if face.label is None:
        return None
    classes = np.asarray(open_image(face.label))
    if classes.ndim != 2 or classes.max() >= len(ORDERS[face.label_order]):
        raise DataError(f"{face.label}: expected one class index below 19 per pixel, found {classes.shape}")
    table = np.array(merge(class_map).table(ORDERS[face.label_order]), dtype=np.uint8)
    return table[classes]
