"""Pseudo-labels: the published parser's 19 classes for folders of faces without labels (METHOD section 3).

Our own parser learns from these where no true labels exist. A label file is an 8-bit PNG of class indices in
`BISENET_ORDER`, called after its picture; what is there already is kept, so that the same call resumes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from showface.data.faces import list_pictures
from showface.errors import DataError
from showface.images import read_image, to_tensor, write_image
from showface.networks.face_parser import BiSeNet
from showface.training.precision import bf16_autocast


def label_folder(
    parser: BiSeNet,
    folder: Path,
    out: Path,
    *,
    size: int = 256,
    limit: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Write `out/<stem>.png` (size x size) for every picture below `folder`; returns how many were new.

    Only the first `limit` pictures in the order of their paths are labelled; 0 = all. `progress` is told the number of
    pictures dealt with and their total after each picture.
    """
    pictures = _by_stem(list_pictures(folder)[: limit or None])
    out.mkdir(parents=True, exist_ok=True)
    new = 0
    for done, (stem, picture) in enumerate(pictures.items(), start=1):
        target = out / f"{stem}.png"
        if not target.exists():
            write_image(target, Image.fromarray(label(parser, picture, size=size)))
            new += 1
        progress(done, len(pictures))
    return new


def label(parser: BiSeNet, picture: Path, *, size: int = 256) -> UInt8[np.ndarray, "{size} {size}"]:
    """The class of each cell of one picture. In bfloat16 where the device has it, which changes
    less than 0.2 % of the pixels."""
    device = next(parser.parameters()).device
    image = to_tensor(read_image(picture)).to(device, memory_format=torch.channels_last)
    with bf16_autocast(device):
        classes = parser.classes(image, size)  # (1, size, size)
    return classes[0].to("cpu", torch.uint8).numpy()


def _by_stem(pictures: list[Path]) -> dict[str, Path]:
    """The pictures by their names without suffix; two of one name would share one label file."""
    named: dict[str, Path] = {}
    for picture in pictures:
        other = named.setdefault(picture.stem, picture)
        if other is not picture:
            raise DataError(f"expected one picture per name, found {other} and {picture}; rename one of them")
    return named
