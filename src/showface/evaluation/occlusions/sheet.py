"""The sheet to look at: the same faces in every round, a page for each kind, methods side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from PIL import Image
from torch import Tensor

from showface.errors import SettingError
from showface.evaluation.measuring.runner import measured_pairs, read_batch, result_of
from showface.evaluation.methods.contender import Contender
from showface.evaluation.occlusions.crops import Square, cut_out, square_round
from showface.evaluation.protocol.pairs import Pair, Protocol
from showface.images import contact_sheet, picture_of, refuse_unwritable, write_image

FACES = 24
METHODS = 4  # at most, beside each other
WHOLE = ("half_face", "hand", "box")  # kinds of which the whole face is shown, at the size that is measured
SIDE = 224  # pixels of the others, each round its hole: an eye is 60 to 80 wide
LEAST, MARGIN = 80 / 256, 0.15  # of what is shown of them: side in sides of the picture, what is seen around the hole
BLUE = (50, 120, 235)  # what is hidden
BLOCKS = 2  # tables side by side on a page


def sheet_file(file: Path, kind: str) -> Path:
    """The file of a kind's page: sheet.jpg becomes sheet-one_eye.jpg."""
    return file.with_name(f"{file.stem}-{kind}{file.suffix}")


def refuse_sheet(file: Path, methods: Sequence[str]) -> None:
    """Says before hours of work what `write_sheet` could not do."""
    refuse_unwritable(file, overwrite=True)
    if len(methods) > METHODS:
        raise SettingError(f"--sheet: shows up to {METHODS} methods side by side, found {len(methods)}: name fewer")


def write_sheet(file: Path, protocol: Protocol, chosen: Sequence[Contender], *, batch: int = 8) -> list[Path]:
    """Draws the pages of all kinds anew; returns their files."""
    files = []
    for kind, page in sheet_pages(protocol, chosen, batch=batch):
        files.append(sheet_file(file, kind))
        files[-1].parent.mkdir(parents=True, exist_ok=True)
        write_image(files[-1], page, overwrite=True)
    return files


def sheet_pages(
    protocol: Protocol, chosen: Sequence[Contender], *, batch: int = 8
) -> Iterator[tuple[str, Image.Image]]:
    """A page for each kind: a face a row, hidden, completed by each method, true.

    A face that does not show the part, or lacks a reference that a method needs, leaves its row out.
    """
    faces = set(shown_faces(protocol))
    titles = (*(one.name for one in chosen), "true")
    for kind, table in protocol.pairs.items():
        pairs = [pair for pair in table if pair.face in faces]
        for one in chosen:
            pairs = measured_pairs(one.method, pairs)
        rows = [
            row
            for first in range(0, len(pairs), batch)
            for row in _rows(protocol, kind, pairs[first : first + batch], chosen)
        ]
        if rows:
            yield (
                kind,
                contact_sheet(rows, (kind.replace("_", " "), *titles), blocks=BLOCKS if len(rows) > 1 else 1, head=28),
            )


def shown_faces(protocol: Protocol, count: int = FACES) -> list[Path]:
    """`count` of the faces, evenly spaced by the order of their names; all where there are no more."""
    faces = sorted({pair.face for table in protocol.pairs.values() for pair in table})
    places = np.linspace(0, len(faces) - 1, min(count, len(faces))).round().astype(int)
    return [faces[place] for place in places]


def _rows(protocol: Protocol, kind: str, pairs: Sequence[Pair], chosen: Sequence[Contender]) -> list[list[Image.Image]]:
    images, masks = read_batch(pairs, protocol.config.size)
    hidden = torch.where(masks, torch.tensor(BLUE, dtype=torch.uint8).view(1, 3, 1, 1), images)
    made = [result_of(one.method, kind, pairs, images, masks) for one in chosen]
    return [
        _row(kind, masks[i, 0].numpy(), [pictures[i] for pictures in (hidden, *made, images)])
        for i in range(len(pairs))
    ]


def _row(
    kind: str, hole: Bool[np.ndarray, "size size"], pictures: Sequence[UInt8[Tensor, "3 size size"]]
) -> list[Image.Image]:
    whole = kind in WHOLE
    square = Square(0, 0, len(hole)) if whole else square_round(hole, LEAST, margin=MARGIN)
    side = len(hole) if whole else SIDE
    return [picture_of(cut_out(picture, [square], side)[0].permute(1, 2, 0).numpy()) for picture in pictures]
