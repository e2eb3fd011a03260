"""The files that weights lie in, and where they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from showface.networks.mdrnets import MDRNetsConfig


class Part(NamedTuple):
    """What lies in one file."""

    boxes: tuple[str, ...]  # of MDRNets
    fields: tuple[str, ...]  # of MDRNetsConfig: what the tensors depend on


ALIGNMENT = "alignment.safetensors"
FILES = {
    "coarse.safetensors": Part(("coarse",), ("coarse",)),
    "parser.safetensors": Part(("parser",), ("parser",)),
    ALIGNMENT: Part(("alignment",), ("sources",)),
    "refinement.safetensors": Part(
        ("style_encoder", "memory", "mask_region", "refinement"),
        ("style", "memory", "mask_region", "refinement", "use_memory", "use_mask_region"),
    ),
}
FORMAT, SINGLE = "showface-2", "showface-1"  # in several files; in one, as 0.2.0 wrote it
MODEL, CONFIG = "model.safetensors", "config.json"  # the one file; what describes either
RESULT = "network.safetensors"  # what a finished stage of training leaves in its folder
CURE = "fetch or export the weights again"
WAITING = re.compile(r"(coarse|parser|alignment|refinement)-[0-9a-f]{12}\.safetensors")


def bundled(name: str = "compact") -> Path:
    """The folder of the release that comes with the package."""
    return Path(__file__).parents[1] / "release" / name


def named_release(name: str) -> Path:
    """The folder or file `name`; where there is none, the bundled release of that name."""
    return bundled(name) if not Path(name).exists() and bundled(name).is_dir() else Path(name)


def holds_weights(folder: Path) -> bool:
    """Whether `folder` is one that `save` wrote."""
    return (folder / CONFIG).is_file() and any(is_ours(path.name) for path in folder.iterdir())


def is_ours(name: str) -> bool:
    return name == MODEL or name in FILES or WAITING.fullmatch(name) is not None


def waiting_file(file: Path, digest: str) -> Path:
    """Where `file` of the sha256 `digest` lies until config.json names it."""
    return file.with_stem(f"{file.stem}-{digest[:12]}")


def files_of(config: MDRNetsConfig) -> list[str]:
    return [name for name in FILES if name != ALIGNMENT or config.sources is not None]


def weights_folder(source: Path) -> Path:
    """Where the weights lie in `source`: a training run keeps them in `weights/`, others are what they are."""
    inside = source / "weights"
    return inside if holds_weights(inside) else source
