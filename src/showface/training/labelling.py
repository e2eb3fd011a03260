"""Pseudo-labels: the published parser's 19 classes for folders of faces without labels (method.md §3).

Our own parser learns from these where no true labels exist. A label file is an 8-bit PNG of class indices, called
after its picture; what is there already is kept, so that the same call resumes. A folder holds one order of classes:
a file `order.txt` in it says which, and without that file it is `BISENET_ORDER`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from showface.data.faces import ORDERS, LabelOrder, list_pictures
from showface.errors import DataError
from showface.images import read_image, to_tensor, write_image
from showface.lean.precision import bf16_autocast
from showface.networks.bisenet import BiSeNet
from showface.semantics import BISENET_ORDER
from showface.weights import write_whole

ORDER_FILE = "order.txt"


def label_folder(
    parser: BiSeNet,
    folder: Path,
    out: Path,
    *,
    size: int = 256,
    limit: int = 0,
    order: LabelOrder = "bisenet",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Write `out/<stem>.png` (size x size) for every picture below `folder`; returns how many were new.

    Only the first `limit` pictures in the order of their paths are labelled; 0 = all. `order` is what the indices
    mean; a folder with labels of another order is refused. `progress` is told the number of
    pictures dealt with and their total after each picture.
    """
    pictures = _by_stem(list_pictures(folder)[: limit or None])
    out.mkdir(parents=True, exist_ok=True)
    begin_order(out, order)
    table = np.array([ORDERS[order].index(name) for name in BISENET_ORDER], dtype=np.uint8)
    new = 0
    for done, (stem, picture) in enumerate(pictures.items(), start=1):
        target = out / f"{stem}.png"
        if not target.exists():
            write_image(target, Image.fromarray(table[label(parser, picture, size=size)]))
            new += 1
        progress(done, len(pictures))
    return new


def begin_order(out: Path, order: LabelOrder) -> None:
    """Note that `out` holds labels in `order`; refused if it has labels in another."""
    file = out / ORDER_FILE
    found = file.read_text(encoding="utf-8").strip() if file.is_file() else "bisenet"
    if found != order and any(out.glob("*.png")):
        raise DataError(f"{out}: holds labels in the order {found!r}, asked for is {order!r}; choose another folder")
    if found != order:
        write_whole(file, f"{order}\n".encode())


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
