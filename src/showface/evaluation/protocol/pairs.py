"""Which face is measured under which mask: one fixed table per bucket that all methods share (method.md §9).

The faces of a folder, in the order of their names, meet the masks of a bucket in an order drawn from the seed. Further
buckets bring pairs of their own, whose masks may be made instead of read. A table depends on the seed, the names and
the files alone, and its hash stands in every result.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from showface.data.faces import list_pictures
from showface.errors import DataError, SettingError
from showface.evaluation.protocol.checks import refuse_duplicates, refuse_misshapen, refuse_missing
from showface.images import read_image, resize_image
from showface.masks import BUCKETS, hole_share, read_mask, resize_nearest

VERSION = 2  # of the rules by which pairs are dealt and results measured; stands in every report
# The file numbers of the NVIDIA irregular test masks that make up the paper's buckets.
NVIDIA_NUMBERS = {"1-20": range(4000), "20-40": range(4000, 8000), "40-60": range(8000, 12000)}


@dataclass(frozen=True, kw_only=True)
class ProtocolConfig:
    """What is measured; together with what lies in the two folders it determines the table."""

    faces: Path  # folder of aligned, square faces
    masks: Path | None  # folder of masks, white = hole; None = only pairs that bring their masks along
    size: int = 256  # side in pixels at which everything is measured
    seed: int = 0  # of the order in which masks are dealt
    limit: int = 0  # only the first so many faces; 0 = all. Their masks stay the same
    bucket_by: Literal["share", "number"] = "share"  # hole share at `size`, or the file number of the NVIDIA set

    def __post_init__(self) -> None:
        if self.size < 16 or self.limit < 0 or self.seed < 0:
            raise SettingError(
                f"protocol: size {self.size} (at least 16), limit {self.limit}, seed {self.seed} (not below 0)"
            )


@dataclass(frozen=True)
class MadeMask:
    """A mask that is made, not read. Recipe, name, seed and size decide its pixels, on every machine.

    Its pixels are hashed into the table, so a recipe that changed gives another protocol.
    """

    recipe: str  # what makes it, "hand" for instance
    name: str  # unlike any other of the recipe: as a rule that of the face it belongs to
    seed: int  # 0 where nothing is drawn by chance
    make: Callable[[int], Bool[np.ndarray, "h w"]] = field(compare=False, repr=False)  # from the side to True = hole

    def __str__(self) -> str:
        return f"{self.recipe}/{self.name}#{self.seed}"


@dataclass(frozen=True)
class Pair:
    """One face and the mask that hides part of it: a file, or a recipe."""

    face: Path
    mask: Path | MadeMask


@dataclass(frozen=True)
class Protocol:
    """The table: for each bucket that has masks, the pairs in the order of the faces."""

    config: ProtocolConfig
    pairs: dict[str, list[Pair]]
    files: dict[str, dict[str, str]]  # sha256 of what was measured, by name: "faces" and "masks" (of made ones, pixels)
    digest: str  # sha256 of version, size, and the table's names and files

    def face_name(self, pair: Pair) -> str:
        """How results call the face: its path below the folder of faces."""
        return _below(pair.face, self.config.faces)

    def mask_name(self, pair: Pair) -> str:
        """How results call the mask: its path below the folder of masks, or its recipe."""
        return _mask_name(pair, self.config.masks)


def make_protocol(
    config: ProtocolConfig, faces: Sequence[Path] | None = None, *, more: Mapping[str, Sequence[Pair]] | None = None
) -> Protocol:
    """The table of `config`. A mask is dealt again only when its bucket has fewer masks than there are faces.

    `faces` are the pictures below `config.faces` to be measured, the test side of a set for instance; None = all.
    `more` are further buckets, by name, with pairs of their own; of them `limit` keeps those of the first faces.
    """
    faces = (list_pictures(config.faces) if faces is None else faces)[: config.limit or None]
    pairs: dict[str, list[Pair]] = {}
    for index, (bucket, masks) in enumerate(sort_masks(config).items()):
        order = np.random.default_rng((config.seed, index)).permutation(len(masks))
        if masks:
            pairs[bucket] = [Pair(face, masks[order[i % len(masks)]]) for i, face in enumerate(faces)]
    if not pairs and config.masks is not None:
        raise DataError(f"{config.masks}: no mask with a hole of 1 to 60 % in it")
    kept = set(faces)
    for bucket, table in (more or {}).items():
        if bucket in pairs:
            raise DataError(f"bucket {bucket}: there twice; give the further one another name")
        pairs[bucket] = [pair for pair in table if pair.face in kept]
    return fixed_protocol(config, {bucket: table for bucket, table in pairs.items() if table})


def fixed_protocol(config: ProtocolConfig, pairs: dict[str, list[Pair]]) -> Protocol:
    """The protocol of a given table: its files are hashed, and what cannot be measured is refused."""
    if not pairs:
        raise DataError(f"{config.faces}: no pair of face and mask to measure")
    faces = list(dict.fromkeys(pair.face for table in pairs.values() for pair in table))
    masks = list(dict.fromkeys(m.mask for t in pairs.values() for m in t if isinstance(m.mask, Path)))
    for paths, what in ((faces, "faces are"), (masks, "masks are")):
        refuse_missing(paths, what)
        refuse_misshapen(paths, what)
    files = {"faces": {_below(face, config.faces): sha256(face) for face in faces}, "masks": hash_masks(config, pairs)}
    refuse_duplicates(files["faces"], "faces are")
    return Protocol(config, pairs, files, _digest(config, pairs, files))


def sort_masks(config: ProtocolConfig) -> dict[str, list[Path]]:
    """The masks of each bucket in the order of their names; masks of no bucket are left out."""
    sorted_masks: dict[str, list[Path]] = {bucket: [] for bucket in BUCKETS}
    for path in [] if config.masks is None else list_pictures(config.masks):
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


# ---------------------------------------------------------------------------------------------- what was measured


def hash_masks(config: ProtocolConfig, pairs: Mapping[str, Sequence[Pair]]) -> dict[str, str]:
    """sha256 of every mask, by name: of files that of the file, of made ones that of their packed bits at `size`."""
    found: dict[str, str] = {}
    for pair in (pair for table in pairs.values() for pair in table):
        name = _mask_name(pair, config.masks)
        if isinstance(pair.mask, MadeMask):
            found[name] = hashlib.sha256(np.packbits(read_sized_mask(pair.mask, config.size)).tobytes()).hexdigest()
        elif name not in found:
            found[name] = sha256(pair.mask)
    return found


def sha256(path: Path) -> str:
    """The hash of a file's bytes."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def named_pairs(config: ProtocolConfig, pairs: Mapping[str, Sequence[Pair]]) -> dict[str, list[tuple[str, str]]]:
    """The table in names, the same wherever the two folders lie."""
    return {
        bucket: [(_below(pair.face, config.faces), _mask_name(pair, config.masks)) for pair in table]
        for bucket, table in pairs.items()
    }


def _digest(config: ProtocolConfig, pairs: Mapping[str, Sequence[Pair]], files: Mapping[str, Mapping[str, str]]) -> str:
    content = {"version": VERSION, "size": config.size, "pairs": named_pairs(config, pairs), "files": files}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _mask_name(pair: Pair, root: Path | None) -> str:
    return str(pair.mask) if isinstance(pair.mask, MadeMask) else _below(pair.mask, root)


def _below(path: Path, root: Path | None) -> str:
    return path.relative_to(root).as_posix() if root is not None and path.is_relative_to(root) else path.name


# ---------------------------------------------------------------------------------------------- pixels


def read_face(path: Path, size: int) -> UInt8[Tensor, "3 {size} {size}"]:
    """A square face as RGB in 0..255 at `size`, reduced with an antialiased bicubic filter."""
    picture = read_image(path)
    if picture.width != picture.height:
        raise DataError(f"{path}: expected a square, aligned face, found {picture.width} x {picture.height} pixels")
    if picture.width != size:
        picture = resize_image(picture, size)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)


def read_sized_mask(mask: Path | MadeMask, size: int) -> Bool[np.ndarray, "{size} {size}"]:
    """A mask at `size`, read and brought there by nearest neighbour, or made at it; True = hole."""
    if isinstance(mask, Path):
        return resize_nearest(read_mask(mask), (size, size))
    hole = mask.make(size)
    if hole.dtype != np.bool_ or hole.shape != (size, size) or not hole.any() or hole.all():
        raise DataError(f"mask {mask}: expected some of {size} x {size} pixels, found {hole.dtype} {hole.shape}")
    return hole
