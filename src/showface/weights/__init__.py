"""Our weight files: safetensors that carry their configuration and their hash, and the release that is bundled.

    folder/
        coarse.safetensors        tensors; in the metadata: format, the part of the configuration that they depend on,
        parser.safetensors        sha256 of both
        alignment.safetensors     where the network looks at sources
        refinement.safetensors    what the last training stage learns: style encoder, memory, mining, refinement
        config.json               format, configuration, card, sha256 of each file

The same tensors and configuration make the same bytes, so that a new refinement leaves the other files as they are.
Parameters are stored as float16; buffers keep their type, so that the memory's slots stay float32.
"""

from showface.weights.building import build
from showface.weights.hub import fetch
from showface.weights.layout import (
    ALIGNMENT,
    CONFIG,
    FILES,
    FORMAT,
    MODEL,
    RESULT,
    SINGLE,
    bundled,
    holds_weights,
    named_release,
    weights_folder,
)
from showface.weights.reading import boxes_in, combined_hash, load, read_description, weights_hash
from showface.weights.tensors import State, digest_of, not_finite, read_tensors, write_tensors
from showface.weights.whole_files import remove_parts, write_whole
from showface.weights.writing import save

__all__ = [
    "ALIGNMENT", "CONFIG", "FILES", "FORMAT", "MODEL", "RESULT", "SINGLE", "State", "boxes_in", "build", "bundled",
    "combined_hash", "digest_of", "fetch", "holds_weights", "load", "named_release",
    "not_finite", "read_description", "read_tensors", "remove_parts", "save", "weights_folder",
    "weights_hash", "write_tensors", "write_whole",
]  # fmt: skip
