"""Sets of face pictures: any folder, with or without parsing labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from showface.data.decoded import decoded
from showface.data.part_masks import list_parts, paint
from showface.errors import DataError, SettingError
from showface.images import SUFFIXES, open_image
from showface.semantics import BISENET_ORDER, OFFICIAL_ORDER, merged

LabelOrder = Literal["official", "bisenet"]
ORDERS = {"official": OFFICIAL_ORDER, "bisenet": BISENET_ORDER}


@dataclass(frozen=True, kw_only=True)
class FaceSource:
    """One folder of faces and how much of a training set it makes up."""

    folder: str  # searched with all its sub-folders
    repeat: int = 1  # how often each picture occurs in one epoch
    limit: int = 0  # only the first so many pictures in the order of their paths; 0 = all
    labels: str = ""  # folder of PNG class indices with the pictures' stems, or of CelebAMask-HQ part masks; "" = none
    label_order: LabelOrder = "official"  # what the label indices mean; of part masks always "official"
    labelled_only: bool = False  # leave pictures without a label out

    def __post_init__(self) -> None:
        if self.repeat < 1 or self.limit < 0:
            raise SettingError(f"face source {self.folder}: repeat must be at least 1 and limit at least 0")
        if self.labelled_only and not self.labels:
            raise SettingError(f"face source {self.folder}: labelled_only needs a folder of labels")

    def pictures(self) -> list[Path]:
        """The pictures of this source in the order of their paths, before `limit`."""
        return list_pictures(self.folder)


@dataclass(frozen=True)
class Face:
    """One picture of a set, with its label map if it has one."""

    picture: Path
    label: Path | None
    label_order: LabelOrder
    parts: bool = False  # `label` is the common beginning of the paths of part masks


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
    pictures = source.pictures()
    if not source.labels:
        return [Face(p, None, source.label_order) for p in pictures][: source.limit or None]
    _by_stem(pictures)  # two pictures of one name would share a label
    labels, parts = list_labels(source.labels)
    order: LabelOrder = "official" if parts else source.label_order
    faces = [Face(p, label := _label_of(p, labels), order, parts and label is not None) for p in pictures]
    if source.labelled_only:
        faces = [face for face in faces if face.label is not None]
    if not faces:
        raise DataError(f"{source.folder}: none of its pictures has a label in {source.labels}")
    return faces[: source.limit or None]


def list_labels(folder: str | Path) -> tuple[dict[str, Path], bool]:
    """The labels in `folder` by the stem of their picture, and whether they are part masks."""
    parts = {str(number): beginning for number, beginning in list_parts(folder).items()}
    labels = parts or _by_stem(Path(folder).rglob("*.png"))
    if not labels:
        raise DataError(f"{folder}: expected label maps (PNG), found none")
    return labels, bool(parts)


def _label_of(picture: Path, labels: dict[str, Path]) -> Path | None:
    """The label with the stem of `picture`, or with the same number: 00007.jpg belongs to 7.png."""
    number = str(int(picture.stem)) if picture.stem.isdecimal() else picture.stem
    return labels.get(picture.stem) or labels.get(number)


def _by_stem(paths: Iterable[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in paths:
        other = found.setdefault(path.stem, path)
        if other != path:
            raise DataError(
                f"expected one file per name, so that labels and pictures match; found {other} and {path}: rename one"
            )
    return found


def read_classes(face: Face, cache: str = "") -> UInt8[np.ndarray, "h w"] | None:
    """The 19 classes of `face` as stored, indices in `ORDERS[face.label_order]`; None without a label.

    `cache` is a folder of decoded labels, see `decoded`; part masks are not kept in it.
    """
    if face.label is None:
        return None
    order = ORDERS[face.label_order]
    classes = paint(face.label) if face.parts else decoded(cache, face.label, _open_classes)
    if classes.ndim != 2 or classes.dtype != np.uint8 or classes.max() >= len(order):
        highest = "" if classes.ndim != 2 else f", up to {classes.max()}"
        raise DataError(
            f"{face.label}: expected one class index below {len(order)} per pixel in 8 bits, "
            f"found {classes.dtype} {classes.shape}{highest}"
        )
    return classes


def _open_classes(path: Path) -> np.ndarray:
    return np.asarray(open_image(path))


def read_label(face: Face, cache: str = "") -> UInt8[np.ndarray, "h w"] | None:
    """The semantic map of `face` with the 14 categories, at its stored size; None without a label.

    About 7 % of the CelebAMask-HQ labels call left what is right, which the categories do not tell apart.
    """
    classes = read_classes(face, cache)
    if classes is None:
        return None
    table = np.array(merged(ORDERS[face.label_order]), dtype=np.uint8)
    return np.asarray(table[classes])


def refuse_misfit(face: Face, picture: tuple[int, int], label: tuple[int, int]) -> None:
    """Raises `DataError` if a label map (height, width) has another shape than its picture (width, height)."""
    if round(picture[1] * label[1] / picture[0]) != label[0]:
        raise DataError(
            f"{face.label}: a label map of {label[1]} x {label[0]} pixels does not fit "
            f"{face.picture} of {picture[0]} x {picture[1]}"
        )
