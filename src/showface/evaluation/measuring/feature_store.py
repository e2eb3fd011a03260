"""Features of pictures by the hash of their pixels, one small file each, for the measures of whole sets.

Those of the faces lie in a folder that all evaluations share, those of completed pictures beside their report.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from showface.errors import DataError

Network = Callable[[UInt8[Tensor, "b 3 h w"]], Float[Tensor, "b d"]]
"""From pictures, RGB in 0..255, to one vector each."""


class FeatureStore:
    """What `network` makes of pictures; computed once per content."""

    def __init__(self, network: Network, *, own: Path, shared: Path) -> None:
        self.network, self._own, self._shared = network, own, shared
        self._there: set[str] = set()

    def has(self, content: str) -> bool:
        """Whether the features of the picture with this hash are known."""
        if content not in self._there and any(file.is_file() for file in self._files(content)):
            self._there.add(content)
        return content in self._there

    def add(self, images: UInt8[Tensor, "b 3 h w"], hashes: Sequence[str], *, shared: bool = False) -> None:
        """Computes and keeps the features of those pictures whose hashes are not known yet."""
        new = [i for i, content in enumerate(hashes) if not self.has(content)]
        if not new:
            return
        found = self.network(images[new]).cpu().float().numpy()  # (n, d)
        for i, vector in zip(new, found, strict=True):
            _write(self._files(hashes[i])[shared], vector)

    def get(self, hashes: Sequence[str]) -> Float[np.ndarray, "n d"]:
        """The features of known pictures as float64, in the order of their hashes."""
        return np.stack([self._load(content) for content in hashes]).astype(np.float64)

    def _files(self, content: str) -> tuple[Path, Path]:
        """Where the features of a picture may lie: in our own folder, in the shared one."""
        own, shared = (folder / content[:2] / f"{content}.npy" for folder in (self._own, self._shared))
        return own, shared

    def _load(self, content: str) -> Float32[np.ndarray, " d"]:
        file = next(file for file in self._files(content) if file.is_file())
        try:
            vector: Float32[np.ndarray, " d"] = np.load(file, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"{file}: damaged features ({error}); delete it and call again") from error
        return vector


def _write(target: Path, vector: Float32[np.ndarray, " d"]) -> None:
    """The whole file or none; several evaluations may write the same one."""
    part = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as stream:
            np.save(stream, vector)
        os.replace(part, target)
    except OSError as error:
        raise DataError(f"{target}: cannot be written: {error.strerror or error}") from error
    finally:
        if part.exists():
            part.unlink()
