"""One look at one picture file: everything that preparing and checking need to know of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from showface.data.likeness import perceptual_hash
from showface.errors import ImageError
from showface.images import read_image, shown

GREY = 3.0  # levels of 255: a picture whose colours lie closer together on average is grey
BLANK = 3.0  # levels of 255: a picture whose brightness varies by less shows nothing


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What one picture file holds."""

    size: int  # bytes of the file
    modified: int  # nanoseconds
    sha256: str  # of the file
    width: int = 0  # pixels, upright
    height: int = 0
    likeness: str = ""  # perceptual hash, "" of a picture that cannot be decoded
    colour: float = 0.0  # mean over the pixels of largest minus smallest of R, G and B, 0..255
    contrast: float = 0.0  # standard deviation of the brightness, 0..255
    fault: str = ""  # why it cannot be decoded; "" = it can


def stamp(path: Path) -> tuple[int, int]:
    """Bytes and nanoseconds of the last change of a file; (-1, -1) if there is none."""
    try:
        status = path.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def examine(path: Path) -> Examined:
    """Reads and decodes a picture; what is wrong with it stands in the result."""
    return examine_picture(path)[0]


def examine_picture(path: Path) -> tuple[Examined, Image.Image | None]:
    """The same, with the decoded picture, upright RGB; None if it cannot be decoded."""
    size, modified = stamp(path)
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        picture = read_image(path)
    except OSError as error:
        return Examined(size=size, modified=modified, sha256="", fault=f"{error.strerror or error}"), None
    except ImageError as error:
        reason = str(error).removeprefix(f"{shown(path)}: ")
        return Examined(size=size, modified=modified, sha256=digest, fault=reason), None
    colour, contrast = colour_and_contrast(picture)
    found = Examined(
        size=size, modified=modified, sha256=digest, width=picture.width, height=picture.height,
        likeness=perceptual_hash(picture), colour=round(colour, 2), contrast=round(contrast, 2),
    )  # fmt: skip
    return found, picture


def colour_and_contrast(picture: Image.Image) -> tuple[float, float]:
    """How far R, G and B lie apart on average, and the deviation of the brightness, of an RGB picture; 0..255."""
    small = np.asarray(picture.reduce(max(1, min(picture.size) // 128)), dtype=np.float32)
    return float((small.max(axis=2) - small.min(axis=2)).mean()), float(small.mean(axis=2).std())
