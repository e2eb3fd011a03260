"""Which face is measured under which mask: one fixed table per bucket that all methods share (method section 9).

The faces of a folder, in the order of their names, meet the masks of a bucket in an order drawn from the seed. A table
depends on the seed and the names alone, and its hash stands in every result.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from showface.data.faces import list_pictures
from showface.errors import DataError, SettingError
from showface.images import read_image, resize_image
from showface.masks import BUCKETS, hole_share, read_mask, resize_nearest

# The file numbers of the NVIDIA irregular test masks that make up the paper's buckets.
NVIDIA_NUMBERS = {"1-20": range(4000), "20-40": range(4000, 8000), "40-60": range(8000, 12000)}


@dataclass(frozen=True, kw_only=True)
class ProtocolConfig:
    """What is measured; together with the names in the two folders it determines the table."""

    faces: Path  # folder of aligned, square faces
    masks: Path  # folder of masks, white = hole
    size: int = 256  # side in pixels at which everything is measured
    seed: int = 0  # of the order in which masks are dealt
    limit: int = 0  # only the first so many faces; 0 = all. Their masks stay the same
    bucket_by: Literal["share", "number"] = "share"  # hole share at `size`, or the file number of the NVIDIA set

    def __post_init__(self) -> None:
        if self.size < 16 or self.limit < 0 or self.seed < 0:
            raise SettingError(
                f"protocol: size {self.size} (at least 16), limit {self.limit}, seed {self.seed} (not below 0)"
            )


@dataclass(frozen=True, order=True)
class Pair:
    """One face and the mask that hides part of it."""

    face: Path
    mask: Path


@dataclass(frozen=True)
class Protocol:
    """The table: for each bucket that has masks, the pairs in the order of the faces."""

    config: ProtocolConfig
    pairs: dict[str, list[Pair]]
    digest: str  # sha256 of the table's names, size and seed


def make_protocol(config: ProtocolConfig, faces: Sequence[Path] | None = None) -> Protocol:
    """The table of `config`. A mask is dealt again only when its bucket has fewer masks than there are faces.

    `faces` are the pictures below `config.faces` to be measured, the test side of a set for instance; None = all.
    """
    faces = (list_pictures(config.faces) if faces is None else faces)[: config.limit or None]
    pairs = {}
    for index, (bucket, masks) in enumerate(sort_masks(config).items()):
        order = np.random.default_rng((config.seed, index)).permutation(len(masks))
        if masks:
            pairs[bucket] = [Pair(face, masks[order[i % len(masks)]]) for i, face in enumerate(faces)]
    if not pairs:
        raise DataError(f"{config.masks}: no mask with a hole of 1 to 60 % in it")
    return Protocol(config, pairs, _digest(config, pairs))


def sort_masks(config: ProtocolConfig) -> dict[str, list[Path]]:
    """The masks of each bucket in the order of their names; masks of no bucket are left out."""
    sorted_masks: dict[str, list[Path]] = {bucket: [] for bucket in BUCKETS}
    for path in list_pictures(config.masks):
        if config.bucket_by == "number":
            bucket = bucket_of_number(path)
        else:
            bucket = bucket_of_share(hole_share(read_sized_mask(path, config.size)))
        if bucket is not None:
            sorted_masks[bucket].append(path)
    return sorted_masks


def bucket_of_share(share: float) -> str | None:
    """The bucket whose bounds (low, high] hold `share`."""
    return next((bucket for bucket, (low, high) in BUCKETS.items() if low < share <= high), None)


def bucket_of_number(path: Path) -> str | None:
    """The paper's bucket of an NVIDIA test mask, which its file number tells."""
    if not path.stem.isdecimal():
        raise DataError(f"{path}: expected a number as name, as in the NVIDIA set; bucket the masks by their share")
    return next((bucket for bucket, numbers in NVIDIA_NUMBERS.items() if int(path.stem) in numbers), None)


def _digest(config: ProtocolConfig, pairs: dict[str, list[Pair]]) -> str:
    """The hash of what was paired; the same wherever the two folders lie."""
    names = {
        bucket: [
            (p.face.relative_to(config.faces).as_posix(), p.mask.relative_to(config.masks).as_posix()) for p in table
        ]
        for bucket, table in pairs.items()
    }
    content = {"pairs": names, "size": config.size, "seed": config.seed}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


# ---------------------------------------------------------------------------------------------- pixels


def read_face(path: Path, size: int) -> UInt8[Tensor, "3 {size} {size}"]:
    """A square face as RGB in 0..255 at `size`, reduced with an antialiased bicubic filter."""
    picture = read_image(path)
    if picture.width != picture.height:
        raise DataError(f"{path}: expected a square, aligned face, found {picture.width} x {picture.height} pixels")
    if picture.width != size:
        picture = resize_image(picture, size)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)


def read_sized_mask(path: Path, size: int) -> Bool[np.ndarray, "{size} {size}"]:
    """A mask at `size` by nearest neighbour; True = hole."""
    return resize_nearest(read_mask(path), (size, size))
