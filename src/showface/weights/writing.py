"""Writes a network to a folder: at any moment the old weights are there or the new ones.

config.json decides which files count. Each new one waits beside as `coarse-(digest).safetensors`, config.json is
switched, and only then do they take their names.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from showface.configurations import to_plain
from showface.errors import NonFiniteError, WeightsError
from showface.networks.mdrnets import MDRNets
from showface.weights.layout import CONFIG, FILES, FORMAT, WAITING, Part, files_of, is_ours, waiting_file
from showface.weights.reading import is_sha256, read_description
from showface.weights.tensors import State, as_bytes, digest_of, not_finite
from showface.weights.whole_files import sync_folder, write_whole


def save(folder: str | os.PathLike[str], network: MDRNets, *, card: Mapping[str, object] | None = None) -> Path:
    """Writes `network` and its configuration to `folder`, replacing what is there; returns the folder.

    `card` goes into config.json as it is: what the weights were trained on, under which terms, with which results.
    """
    target, configuration, state = Path(folder), to_plain(network.config), _stored(network)
    if broken := not_finite(state):
        raise NonFiniteError(f"{broken} holds NaN or infinity (or more than float16 can hold); nothing was written")
    target.mkdir(parents=True, exist_ok=True)
    hashes = {}
    try:
        for name in files_of(network.config):
            content = _content(FILES[name], configuration, state)
            hashes[name] = hashlib.sha256(content).hexdigest()
            write_whole(waiting_file(target / name, hashes[name]), content)
        description = {"format": FORMAT, "sha256": hashes, "card": dict(card or {}), "configuration": configuration}
        write_whole(target / CONFIG, (json.dumps(description, indent=2) + "\n").encode())
    finally:
        _settle(target)
    return target


def _stored(network: MDRNets) -> State:
    """The network's tensors in the types in which they are written."""
    buffers = {name for name, _ in network.named_buffers()}
    return {
        name: (tensor if name in buffers or not tensor.is_floating_point() else tensor.half()).cpu().contiguous()
        for name, tensor in network.state_dict().items()
    }


def _content(part: Part, configuration: Mapping[str, object], state: State) -> bytes:
    """The file of one part of the network."""
    tensors = {name: tensor for name, tensor in state.items() if name.split(".")[0] in part.boxes}
    text = json.dumps({field: configuration[field] for field in part.fields}, sort_keys=True)
    return as_bytes(tensors, {"format": FORMAT, "configuration": text, "sha256": digest_of(text, tensors)})


def _settle(folder: Path) -> None:
    """The files that config.json names take their names; those that wait for nothing, or were before, go."""
    try:
        hashes = read_description(folder).get("sha256")
    except WeightsError:  # none yet: a first save that failed
        hashes = None
    named = {name: hashes[name] for name in FILES if is_sha256(hashes.get(name))} if isinstance(hashes, dict) else {}
    for name, digest in named.items():
        if (waiting := waiting_file(folder / name, digest)).is_file():
            os.replace(waiting, folder / name)
    for path in list(folder.iterdir()):
        if WAITING.fullmatch(path.name) or (named and is_ours(path.name) and path.name not in named):
            path.unlink()
    sync_folder(folder)
