"""Completed pictures in a folder: those of somebody else's method to be measured, or our own to be kept.

    FOLDER/<bucket>/<stem of the face>.png      buckets are called 1-20, 20-40, 40-60 and so on; any format we read

The pictures have the size of the protocol. Their known pixels are replaced by those of the truth like anyone's.
`write_inputs` gives a method that runs elsewhere what it has to complete, in the same layout.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from showface.errors import DataError
from showface.evaluation.measuring.runner import FromPairs, read_batch
from showface.evaluation.protocol.checks import listed, sizes
from showface.evaluation.protocol.pairs import Pair, Protocol, read_face, sha256
from showface.images import SUFFIXES, picture_of, write_image


def is_result_folder(folder: Path, protocol: Protocol) -> bool:
    """Whether `folder` holds a folder called like one of the buckets."""
    return any((folder / bucket).is_dir() for bucket in protocol.pairs)


def result_folder(folder: Path, protocol: Protocol) -> tuple[FromPairs, str]:
    """The results in `folder` for every pair of the table, and the sha256 of them all.

    Refused with a list: pictures that are missing, there twice, or of another size than the protocol's.
    """
    found = {bucket: _by_stem(folder / bucket, pairs) for bucket, pairs in protocol.pairs.items()}
    _refuse_gaps(folder, found)
    files = {bucket: {stem: names[0] for stem, names in stems.items()} for bucket, stems in found.items()}
    wrong = _wrong_sizes([file for stems in files.values() for file in stems.values()], protocol.config.size)
    if wrong:
        size = protocol.config.size
        raise DataError(f"{folder}: {len(wrong)} pictures are not {size} x {size}: {listed(wrong)}; resize them")

    def read(bucket: str, pairs: Sequence[Pair]) -> UInt8[Tensor, "b 3 h w"]:
        return torch.stack([read_face(files[bucket][pair.face.stem], protocol.config.size) for pair in pairs])

    digest = hashlib.sha256()
    for bucket, stems in files.items():
        for stem in sorted(stems):
            digest.update(f"{bucket}/{stem} {sha256(stems[stem])}\n".encode())
    return FromPairs(read), digest.hexdigest()


def _by_stem(folder: Path, pairs: Sequence[Pair]) -> dict[str, list[Path]]:
    """The results for each face of a bucket by its stem, one if all is well; others in the folder are left alone."""
    found: dict[str, list[Path]] = {stem: [] for stem in unique_stems(pairs, folder.name)}
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        if file.suffix.lower() in SUFFIXES and file.stem in found:
            found[file.stem].append(file)
    return found


def _refuse_gaps(folder: Path, found: Mapping[str, Mapping[str, Sequence[Path]]]) -> None:
    """Every face of every bucket has one result: all that do not are listed at once."""
    places = [(f"{bucket}/{stem}", files) for bucket, stems in found.items() for stem, files in stems.items()]
    missing = [place for place, files in places if not files]
    twice = [" and ".join(f"{file.parent.name}/{file.name}" for file in files) for _, files in places if len(files) > 1]
    faults = [f"{len(missing)} missing: {listed(missing)}"] if missing else []
    faults += [f"{len(twice)} there twice: {listed(twice)}"] if twice else []
    if faults:
        raise DataError(f"{folder}: expected {len(places)} results in {', '.join(found)}; {'; '.join(faults)}")


def unique_stems(pairs: Sequence[Pair], bucket: str) -> list[str]:
    """The stems of the faces of a bucket, by which results are found; two of one name are refused."""
    stems = [pair.face.stem for pair in pairs]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise DataError(f"bucket {bucket}: {len(twice)} faces share their name: {listed(twice)}; rename them")
    return stems


def _wrong_sizes(files: Sequence[Path], size: int) -> list[str]:
    return [f"{file} ({w} x {h})" for file, (w, h) in sizes(files).items() if (w, h) != (size, size)]


# ---------------------------------------------------------------------------------------------- writing


def picture_file(folder: Path, bucket: str, face: str) -> Path:
    """Where the result for `face` lies in a folder that `result_folder` reads."""
    return folder / bucket / f"{Path(face).stem}.png"


def write_picture(file: Path, picture: UInt8[Tensor, "3 h w"]) -> None:
    """RGB in 0..255 as a PNG; what is there is replaced."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_image(file, picture_of(np.ascontiguousarray(picture.cpu().permute(1, 2, 0).numpy())), overwrite=True)


def write_inputs(folder: Path, protocol: Protocol) -> int:
    """What a method elsewhere is to complete: `images/` with the hidden pixels black and `masks/`, white = hole.

    Returns the number of pairs; nothing of a folder that is there already is touched.
    """
    if folder.exists() and any(folder.iterdir()):
        raise DataError(f"{folder}: expected a new or empty folder, found things in it")
    for bucket, pairs in protocol.pairs.items():
        unique_stems(pairs, bucket)
        for pair in pairs:
            images, masks = read_batch([pair], protocol.config.size)
            white = masks.expand_as(images).to(torch.uint8) * 255
            write_picture(picture_file(folder / "images", bucket, pair.face.name), images.masked_fill(masks, 0)[0])
            write_picture(picture_file(folder / "masks", bucket, pair.face.name), white[0])
    return sum(len(pairs) for pairs in protocol.pairs.values())
