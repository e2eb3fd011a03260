"""Pseudo-labels: the published parser's 19 classes for folders of faces without labels (deviation from the paper).

Our own parser learns from these where no true labels exist. A label file is an 8-bit PNG of class indices in
`BISENET_ORDER`, called after its picture; what is there already is kept, so that the same call resumes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from showface.errors import DataError
from showface.networks.face_parser import BiSeNet

PICTURE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def label_folder(
    parser: BiSeNet,
    folder: Path,
    out: Path,
    *,
    size: int = 256,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Write `out/<stem>.png` (size x size, uint8) for every picture of `folder`; returns how many were new.

    `progress` is told the number of pictures dealt with and their total after each picture.
    """
    pictures = _pictures(folder)
    out.mkdir(parents=True, exist_ok=True)
    new = 0
    for done, picture in enumerate(pictures, start=1):
        target = out / f"{picture.stem}.png"
        if not target.exists():
            _write(target, label(parser, picture, size=size))
            new += 1
        progress(done, len(pictures))
    return new


def label(parser: BiSeNet, picture: Path, *, size: int = 256) -> UInt8[np.ndarray, "{size} {size}"]:
    """The class of each pixel of one picture, reduced to `size` by nearest neighbour."""
    with Image.open(picture) as opened:
        pixels = torch.from_numpy(np.array(opened.convert("RGB")))  # (h, w, 3)
    device = next(parser.parameters()).device
    image = pixels.permute(2, 0, 1)[None].to(device).float() / 127.5 - 1
    image = image.contiguous(memory_format=torch.channels_last)
    with torch.autocast(device.type, torch.bfloat16):
        classes = parser.classes(image)  # (1, 512, 512)
    shrunk = torch.nn.functional.interpolate(classes[:, None].float(), size=(size, size))  # nearest
    return shrunk[0, 0].to("cpu", torch.uint8).numpy()


def _pictures(folder: Path) -> list[Path]:
    """The pictures directly in `folder` by name; two of one stem would overwrite each other's labels."""
    pictures = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    seen: dict[str, Path] = {}
    for picture in pictures:
        other = seen.setdefault(picture.stem, picture)
        if other is not picture:
            raise DataError(f"expected one picture per name, found {other} and {picture}; rename one of them")
    if not pictures:
        raise DataError(f"expected pictures in {folder}, found none ({', '.join(PICTURE_SUFFIXES)})")
    return pictures


def _write(target: Path, classes: UInt8[np.ndarray, "h w"]) -> None:
    """Write completely or not at all."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        Image.fromarray(classes).save(temporary, format="PNG")
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
