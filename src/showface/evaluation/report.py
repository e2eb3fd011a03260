"""What an evaluation leaves behind: a folder with JSON, CSV and Markdown, and the facts that make it repeatable."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

from showface import weights
from showface.errors import DataError
from showface.evaluation.protocol import Protocol

PACKAGES = ("showface", "torch", "numpy", "opencv-python-headless", "pillow")


def refuse_existing(folder: Path, names: Iterable[str]) -> None:
    """Say before hours of work, not after, that a report is there already."""
    for name in names:
        if (folder / name).exists():
            raise DataError(f"{folder / name}: exists already; choose another --out or ask to --overwrite")


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write each text completely or not at all."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            weights.write_whole(folder / name, text.encode())
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror or error}") from error


def as_json(content: Mapping[str, object]) -> str:
    """Readable JSON; NaN would not be valid and is refused."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def protocol_facts(protocol: Protocol) -> dict[str, object]:
    """What was measured, in words that do not depend on where the folders lie."""
    config = protocol.config
    return {
        "sha256": protocol.digest,
        "faces": config.faces.name,
        "masks": config.masks.name,
        "size": config.size,
        "seed": config.seed,
        "limit": config.limit,
        "bucket_by": config.bucket_by,
        "pairs": {bucket: len(pairs) for bucket, pairs in protocol.pairs.items()},
        "definitions": "composited, clipped, rounded to uint8; L1 = 100 mean|a-b|/255; PSNR per picture, RGB, at most "
        "100 dB; SSIM Gaussian 11, sigma 1.5, L = 255, RGB, valid region; 95 % bootstrap over pictures, 2,000 draws",
    }


def versions() -> dict[str, str]:
    """Of Python and of the packages that numbers may depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # used from a source tree
            found[name] = "not installed"
    return found


def weights_folder(source: Path) -> Path:
    """Where the weights lie in `source`: a training run keeps them in `weights/`, others are what they are."""
    inside = source / "weights"
    return inside if (inside / weights.MODEL).is_file() else source


def weights_hash(source: Path) -> str:
    """sha256 of the safetensors file in the folder `source`, or of `source` itself."""
    file = source / weights.MODEL if source.is_dir() else source
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
