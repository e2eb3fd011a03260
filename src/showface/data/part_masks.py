"""Labels as CelebAMask-HQ publishes them: `<0..14>/<00000>_<part>.png`, a white-on-black mask for each part of a face.

They are painted into one map of classes in the order of `OFFICIAL_ORDER`, later parts over earlier ones: skin first,
then what lies on it, hair, hat, earring, necklace, neck and cloth last. The set's own tools do the same; another order
gives other labels where parts overlap. A picture without a mask for a part has no pixel of that class.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from showface.errors import DataError
from showface.images import write_image
from showface.masks import read_mask
from showface.semantics import OFFICIAL_ORDER

FILE_NAMES = {"eyeglass": "eye_g", "earring": "ear_r", "necklace": "neck_l"}  # where they differ from the class's


def list_parts(folder: str | Path) -> dict[int, Path]:
    """For each picture number the common beginning of its masks' paths, such as `3/06789`; empty if there are none."""
    parts = "|".join(FILE_NAMES.get(name, name) for name in OFFICIAL_ORDER[1:])
    names = re.compile(rf"(\d{{5}})_(?:{parts})\.png")
    found = {}
    for path in Path(folder).glob("*/*.png"):
        match = names.fullmatch(path.name)
        if match:
            found[int(match[1])] = path.with_name(match[1])
    return dict(sorted(found.items()))


def paint(beginning: Path) -> UInt8[np.ndarray, "h w"]:
    """The map of classes of one picture, in `OFFICIAL_ORDER`; see `list_parts` for `beginning`."""
    paths = [beginning.with_name(f"{beginning.name}_{FILE_NAMES.get(name, name)}.png") for name in OFFICIAL_ORDER]
    parts = {index: read_mask(path) for index, path in enumerate(paths) if index and path.exists()}
    shapes = {part.shape for part in parts.values()}
    if len(shapes) != 1:
        raise DataError(f"{beginning}_*.png: expected part masks of one size, found {sorted(shapes) or 'none'}")
    classes = np.zeros(shapes.pop(), dtype=np.uint8)
    for index, part in parts.items():
        classes[part] = index
    return classes


def paint_labels(folder: str | Path, out: str | Path) -> int:
    """Write `out/<number>.png` for every picture with masks in `folder`; returns how many were new.

    Painting costs more than reading one map; who trains for long paints once and names `out` as the folder of labels.
    """
    target, new = Path(out), 0
    target.mkdir(parents=True, exist_ok=True)
    for number, beginning in list_parts(folder).items():
        path = target / f"{number}.png"
        if not path.exists():
            write_image(path, Image.fromarray(paint(beginning)))
            new += 1
    return new
