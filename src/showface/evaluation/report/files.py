"""What an evaluation leaves behind: a folder with JSON, CSV and Markdown, and the facts that make it repeatable."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from showface.errors import DataError
from showface.evaluation.protocol.checks import listed
from showface.evaluation.protocol.pairs import VERSION, Protocol, named_pairs
from showface.weights import combined_hash, write_whole

REPORT = "report.json"
PACKAGES = (
    "showface", "torch", "numpy", "opencv-python-headless", "pillow", "scikit-image", "onnxruntime", "dlib-bin",
    "ai-edge-litert",
)  # fmt: skip

DEFINITIONS = (
    "composited, clipped, rounded to uint8; L1 = 100 mean|a-b|/255; PSNR per picture, RGB, at most 100 dB; SSIM "
    "Gaussian 11, sigma 1.5, L = 255, RGB, valid region; LPIPS 0.1; FID and KID on Inception 2015 pool3 of the "
    "completed pictures of a bucket against the same faces; 95 % intervals: bootstrap over pictures, 2,000 draws, of "
    "FID and KID 1.96 standard errors (jackknife)"
)


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
            write_whole(folder / name, text.encode())
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror or error}") from error


def refuse_other_report(folder: Path, facts: Mapping[str, Any], name: str = REPORT) -> None:
    """A report may only be replaced by one that says the same and perhaps more: no method or metric may be lost.

    `name` is that of its file in `folder`.
    """
    file = folder / name
    if not file.exists():
        return
    old = _read(file)
    lost = [f"protocol {str(old.get('protocol', {}).get('sha256'))[:12]}"] if _other_protocol(old, facts) else []
    lost += [f"metric {name}" for name in old.get("metrics", []) if name not in facts["metrics"]]
    lost += [f"method {name}" for name, one in old.get("methods", {}).items() if _other_method(one, facts, name)]
    if lost:
        raise DataError(
            f"{file}: exists already and holds what the new one would not: {listed(lost)}; choose another --out or ask "
            "to --overwrite"
        )


def _other_protocol(old: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    return bool(old.get("protocol", {}).get("sha256") != facts["protocol"]["sha256"])


def _other_method(old: Mapping[str, Any], facts: Mapping[str, Any], name: str) -> bool:
    """Whether the new report lacks the method or measures another one under its name; where it lies does not matter."""
    return bool(facts["methods"].get(name, {}).get("identity") != old.get("identity"))


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: exists already, and is no report of ours; choose another --out") from error
    return content if isinstance(content, dict) else {}


def as_json(content: Mapping[str, object]) -> str:
    """Readable JSON; NaN would not be valid and is refused."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def protocol_facts(protocol: Protocol) -> dict[str, object]:
    """What was measured, in words that do not depend on where the folders lie."""
    config = protocol.config
    return {
        "version": VERSION,
        "sha256": protocol.digest,
        "faces": _called(config.faces),
        "masks": _called(config.masks) if config.masks else "made",
        "size": config.size,
        "seed": config.seed,
        "limit": config.limit,
        "bucket_by": config.bucket_by,
        "pairs": {bucket: len(pairs) for bucket, pairs in protocol.pairs.items()},
        "files": {kind: f"{len(files)}, sha256 {combined_hash(files)}" for kind, files in protocol.files.items()},
        "definitions": DEFINITIONS,
    }


def _called(folder: Path) -> str:
    """The last two words of a path that say something: celebamask/val, masks/test."""
    return "/".join([part for part in folder.resolve().parts if part != "images"][-2:])


def protocol_table(protocol: Protocol) -> dict[str, object]:
    """The whole table: every pair by name, and the sha256 of every file."""
    return {
        "version": VERSION,
        "sha256": protocol.digest,
        "size": protocol.config.size,
        "seed": protocol.config.seed,
        "pairs": named_pairs(protocol.config, protocol.pairs),
        "files": protocol.files,
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
