"""A face read from its files, and what a crop of it shows: the categories of its pixels, and where its parts lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from PIL import Image
from torch import Tensor

from showface.data.decoded import decoded
from showface.data.faces import Face, read_label, refuse_misfit
from showface.data.hidden_parts import PartMap
from showface.data.windows import Window
from showface.errors import ImageError
from showface.images import Box, picture_of, read_image, shown

NO_LABEL = 255  # the label of a pixel nobody labelled; losses ignore it


@dataclass(frozen=True)
class Readable:
    """A face as read from its files: the picture, and the categories 0..13 of its pixels if it has a label."""

    face: Face
    picture: Image.Image
    classes: UInt8[np.ndarray, "h w"] | None


def read_face(face: Face, cache: str, least: float) -> Readable:
    """Picture and label of `face`; an `ImageError` if its picture has less than `least` pixels a side."""
    pixels = decoded(cache, face.picture, lambda path: np.asarray(read_image(path)))
    picture = picture_of(pixels)
    if min(picture.size) < least:
        raise ImageError(
            f"{shown(face.picture)}: {picture.width} x {picture.height} pixels, expected at least {least:g} a side"
        )
    return Readable(face, picture, read_label(face, cache))


def cropped_label(read: Readable, box: Box, size: int) -> Int64[Tensor, "1 size size"]:
    """The label map of `box` in the picture at `size`, nearest; all `NO_LABEL` where the face has none."""
    classes = read.classes
    if classes is None:
        return torch.full((1, size, size), NO_LABEL)
    refuse_misfit(read.face, read.picture.size, (classes.shape[0], classes.shape[1]))
    scale = classes.shape[1] / read.picture.width
    centres = (np.arange(size) + 0.5) / size
    columns = ((box[0] + centres * (box[2] - box[0])) * scale).astype(int).clip(0, classes.shape[1] - 1)
    rows = ((box[1] + centres * (box[3] - box[1])) * scale).astype(int).clip(0, classes.shape[0] - 1)
    return torch.from_numpy(classes[np.ix_(rows, columns)].astype(np.int64))[None]


def part_map(read: Readable, window: Window) -> PartMap:
    """Where the parts of a face lie, and the `window` of it that a sample shows; without a label, of a typical one."""
    classes = read.classes
    if classes is None:
        return PartMap(window=window)
    height, width = classes.shape
    refuse_misfit(read.face, read.picture.size, (height, width))
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return PartMap(classes[top : top + side, left : left + side], window)
