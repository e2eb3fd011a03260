"""A table that somebody measured on, to be measured on again: the `protocol.json` of a report (faults.md 39)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from showface.errors import DataError, SettingError
from showface.evaluation.protocol.checks import listed
from showface.evaluation.protocol.pairs import VERSION, Pair, Protocol, ProtocolConfig, fixed_protocol


def frozen_protocol(
    file: Path, config: ProtocolConfig, *, more: Mapping[str, Sequence[Pair]] | None = None
) -> Protocol:
    """The table in `file` with the faces and masks of `config`'s folders; `more` holds the pairs with made masks.

    Refused with a list: files that are missing here, and files that are others than those measured then. `config` has
    to agree in size; the seed is the file's, `limit` does not count.
    """
    content = _read(file)
    if content["size"] != config.size:
        raise SettingError(f"{file}: measured at {content['size']} px, this is {config.size}: --size {content['size']}")
    config = replace(config, seed=content["seed"], limit=0)
    made = {str(pair.mask): pair.mask for pairs in (more or {}).values() for pair in pairs}
    pairs = {
        bucket: [_pair(config, bucket, face, mask, made) for face, mask in rows]
        for bucket, rows in content["pairs"].items()
    }
    protocol = fixed_protocol(config, pairs)
    changed = [
        name
        for kind, files in protocol.files.items()
        for name, digest in files.items()
        if content["files"].get(kind, {}).get(name) != digest
    ]
    if changed:
        raise DataError(f"{file}: {len(changed)} files are others than those measured then: {listed(changed)}")
    return protocol


def _pair(config: ProtocolConfig, bucket: str, face: str, mask: str, made: Mapping[str, Any]) -> Pair:
    if mask in made:
        return Pair(config.faces / face, made[mask])
    if "#" in mask or config.masks is None:
        raise DataError(f"bucket {bucket}: its masks are made, not read: ask for it with --rows or --occlusions")
    return Pair(config.faces / face, config.masks / mask)


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        version = content["version"], content["size"], content["seed"], content["pairs"].items(), content["files"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{file}: expected the protocol.json of a report, found something else ({error})") from error
    if version[0] != VERSION:
        raise DataError(f"{file}: made by protocol version {version[0]}, this is {VERSION}; measure it anew")
    return dict(content)
