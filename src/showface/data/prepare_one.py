"""What becomes of one picture of a set that is prepared: a square file, and its label in our order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from showface.data.examine import examine_picture, stamp
from showface.data.faces import ORDERS, Face, read_classes, refuse_misfit
from showface.data.journal import Row
from showface.data.likeness import perceptual_hash
from showface.data.sides import mended, sides_are_swapped
from showface.errors import DataError, ImageError, InputError, SettingError
from showface.images import SUFFIXES, Box, resize_image, shown, write_image
from showface.semantics import OFFICIAL_ORDER

Cut = Callable[[Path], list[Image.Image]]  # the square faces in a photograph


@dataclass(frozen=True, kw_only=True)
class PrepareConfig:
    """What a prepared set looks like."""

    size: int = 512  # side of the pictures in pixels; smaller ones are left as they are
    suffix: str = ".png"  # of the pictures: lossless, except for .jpg (quality 95)
    hold_out: float = 0.0  # share of an unpublished set that goes to OUT/test, in [0, 1)
    aligned: bool = False  # whether the faces are cut out of photographs, by the function handed over

    def __post_init__(self) -> None:
        if self.size < 8 or not 0 <= self.hold_out < 1:
            raise SettingError(
                f"expected a size of at least 8 pixels and a share to hold out in [0, 1), "
                f"got {self.size} and {self.hold_out}"
            )
        if self.suffix not in SUFFIXES:
            raise SettingError(f"expected a suffix of {', '.join(SUFFIXES)}, got {self.suffix!r}")


def prepare_one(face: Face, stem: str, out: Path, config: PrepareConfig, cut: Cut | None) -> Row:
    """Write what one source file gives; returns its row of the journal."""
    found, picture = examine_picture(face.picture)
    row: Row = asdict(found) | {"source": str(face.picture), "pictures": {}, "label": "", "mended": False}
    row["label_stamp"] = list(stamp(face.label)) if face.label and not face.parts else []
    if picture is None and cut is None:
        return row | {"faults": [f"{shown(face.picture)}: {found.fault}"]}
    faults: list[str] = []
    squares: list[Image.Image] = []
    try:
        squares = [square_of(picture, config.size)] if cut is None and picture else cut(face.picture) if cut else []
    except ImageError as error:
        reason = str(error).removeprefix(f"{shown(face.picture)}: ")
        return row | {"faults": [f"{shown(face.picture)}: {reason}"]}
    for number, square in enumerate(squares):
        name = stem if not number else f"{stem}_face{number + 1}"
        _write(out, "images", f"{name}{config.suffix}", square)
        row["pictures"][name] = {"side": square.width, "likeness": perceptual_hash(square)}
    if face.label is not None and picture is not None and cut is None:
        try:
            label, row["mended"] = label_of(face, picture.size, config.size)
            _write(out, "labels", f"{stem}.png", Image.fromarray(label))
            row["label"] = stem
        except InputError as error:
            faults.append(" ".join(str(error).split()))
    return row | {"faults": faults}


def square_of(picture: Image.Image, size: int) -> Image.Image:
    """The largest centred square of a picture, antialiased at `size` pixels; never enlarged."""
    box, side = _centred(picture.size), min(picture.size)
    if picture.size == (side, side) and side <= size:
        return picture
    return resize_image(picture, min(size, side), box)


def label_of(face: Face, picture: tuple[int, int], size: int) -> tuple[UInt8[np.ndarray, "side side"], bool]:
    """The label map under the same crop in `OFFICIAL_ORDER`, nearest, and whether left and right were exchanged.

    `picture` is the size (width, height) of the source. The map is never enlarged.
    """
    classes = read_classes(face)
    if classes is None:
        raise DataError(f"{face.picture}: has no label")
    refuse_misfit(face, picture, (classes.shape[0], classes.shape[1]))
    left, top, right, bottom = _centred((classes.shape[1], classes.shape[0]))
    table = np.array([OFFICIAL_ORDER.index(name) for name in ORDERS[face.label_order]], dtype=np.uint8)
    square = table[classes[int(top) : int(bottom), int(left) : int(right)]]
    side = min(size, min(picture), len(square))
    nearest = ((np.arange(side) + 0.5) * len(square) / side).astype(int)
    return mended(square)[np.ix_(nearest, nearest)], sides_are_swapped(square)


def _centred(size: tuple[int, int]) -> Box:
    side = min(size)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    return left, top, left + side, top + side


def _write(out: Path, kind: str, name: str, picture: Image.Image) -> None:
    """Write a picture to where it is already, held out perhaps, or else to the training side."""
    held = out / "test" / kind / name
    target = held if held.exists() else out / kind / name
    target.parent.mkdir(parents=True, exist_ok=True)
    write_image(target, picture, overwrite=True)


def is_done(row: Row | None, face: Face, out: Path) -> bool:
    """Whether `row` tells of this very file without a fault, and what it made is still there."""
    if row is None or row["faults"] or (row["size"], row["modified"]) != stamp(face.picture):
        return False
    label = list(stamp(face.label)) if face.label and not face.parts else []
    made = [("images", name) for name in row["pictures"]] + [("labels", row["label"])] * bool(row["label"])
    return row["label_stamp"] == label and all(made_files(out, kind, name) for kind, name in made)


def made_files(out: Path, kind: str, stem: str, sides: tuple[str, ...] = ("", "test")) -> list[Path]:
    """The files of one prepared picture or label, on either side; "" is OUT itself."""
    named = (out / side / kind / f"{stem}{suffix}" for side in sides for suffix in SUFFIXES)
    return [path for path in named if path.is_file()]
