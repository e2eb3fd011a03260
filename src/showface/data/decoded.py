"""Decoded pictures on disk, so that each is decoded once: uint8 arrays that are mapped into memory when asked for.

An entry is called after the path of its file, its size and its time of change: a changed file is decoded anew, and what
it was before is removed. Several processes may read and fill one folder.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from showface.errors import DataError, ImageError
from showface.images import writing


def decoded(cache: str, file: Path, decode: Callable[[Path], np.ndarray]) -> np.ndarray:
    """What `decode` makes of `file`, kept in the folder `cache`; without a folder ("") simply what it makes.

    A file that cannot be decoded leaves no entry. A `DataError` if the folder cannot be written.
    """
    if not cache:
        return decode(file)
    try:
        entry = _entry(Path(cache), file)
    except OSError:
        return decode(file)  # which tells what is wrong with it
    if entry.is_file():
        try:
            kept: np.ndarray = np.load(entry, mmap_mode="r", allow_pickle=False)
            return kept
        except (
            OSError,
            ValueError,
            EOFError,
        ):  # cut short, or removed by another process: made again below
            pass
    pixels = decode(file)
    _keep(entry, pixels)
    return pixels


def _entry(cache: Path, file: Path) -> Path:
    """Where the pixels of `file` as it is now are kept."""
    facts = file.stat()
    digest = hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:32]
    return cache / digest[:2] / f"{digest[2:]}-{facts.st_size:x}-{facts.st_mtime_ns:x}.npy"


def _keep(entry: Path, pixels: np.ndarray) -> None:
    """Write an entry, all of it or nothing, in place of those of the file's earlier contents."""
    content = io.BytesIO()
    np.save(content, pixels, allow_pickle=False)
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        with writing(entry) as stream:
            stream.write(content.getvalue())
        for old in entry.parent.glob(f"{entry.name.partition('-')[0]}-*.npy"):
            if old != entry:
                old.unlink(missing_ok=True)
    except (OSError, ImageError) as error:
        raise DataError(f"{entry.parent}: decoded pictures cannot be kept: {error}") from error
