"""What is measured stays measured: one line per picture, so that the same command goes on where it was stopped.

    measurements.jsonl    first line: the protocol; then a measurement a line, as they come

A line belongs to the protocol of the first line and to the identity of its method (the hash of its weights, the version
of its library), so nothing old is mistaken for something new. A line that a stop cut short is left out.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from jaxtyping import UInt8
from torch import Tensor

from showface.data.journal import append_lines, read_lines
from showface.errors import DataError
from showface.evaluation.measuring.feature_store import FeatureStore
from showface.evaluation.measuring.result_folder import picture_file, write_picture
from showface.evaluation.measuring.runner import Measurement, Memory
from showface.evaluation.protocol.pairs import Protocol

FILE = "measurements.jsonl"
Key = tuple[str, str, str, str, str]  # method, its identity, bucket, face, mask


class Journal(Memory):
    """The measurements in `folder`; those of `identities` and `metrics` are recalled, new ones appended."""

    def __init__(
        self,
        folder: Path,
        protocol: Protocol,
        identities: Mapping[str, str],
        metrics: Sequence[str],
        *,
        versions: Mapping[str, str] | None = None,
        features: FeatureStore | None = None,
        crops: FeatureStore | None = None,
        pictures: Path | None = None,
        overwrite: bool = False,
    ) -> None:
        """`features` are kept of every picture, for the measures of sets; None = none are needed. Those of `crops` are
        kept by whoever makes the crops, and are to be there, too.

        Completed pictures go to `pictures`/<method>, where `result_folder` finds them; None = they are not kept.
        """
        self.file = folder / FILE
        self._identities, self._metrics, self._features = dict(identities), tuple(metrics), features
        self._crops, self._pictures = crops, pictures
        self._head: dict[str, Any] = {"protocol": protocol.digest, "versions": dict(versions or {})}
        self._known: dict[Key, Measurement] = {}
        if overwrite:
            self.file.unlink(missing_ok=True)
        self._size = self._read()  # bytes of whole lines

    def recall(self, method: str, bucket: str, names: Sequence[tuple[str, str]]) -> list[Measurement] | None:
        """The measurements of all of the pairs, with the wanted metrics in their order, or None."""
        found = [self._known.get((method, self._identities[method], bucket, *pair)) for pair in names]
        known = [one for one in found if one is not None and self._complete(one)]
        if len(known) < len(names):
            return None
        return [replace(one, values={name: one.values[name] for name in self._metrics}) for one in known]

    def _complete(self, one: Measurement) -> bool:
        if self._pictures is not None and not picture_file(self._pictures / one.method, one.bucket, one.face).is_file():
            return False
        features = self._features is None or (self._features.has(one.completed) and self._features.has(one.truth))
        if self._crops is not None:
            features = features and all(self._crops.has(crop) for crop in (*one.crops, *one.true_crops))
        return features and all(name in one.values for name in self._metrics)

    def keep(self, measured: Sequence[Measurement], completed: UInt8[Tensor, "b 3 h w"]) -> None:
        """Appends a batch, with features and pictures first: a line promises that they are there."""
        if self._features is not None:
            self._features.add(completed, [one.completed for one in measured])
        if self._pictures is not None:
            for one, picture in zip(measured, completed, strict=True):
                write_picture(picture_file(self._pictures / one.method, one.bucket, one.face), picture)
        lines = [] if self._size else [json.dumps(self._head)]
        for one in measured:
            self._known[self._key(one)] = one
            lines.append(json.dumps({"identity": self._identities[one.method]} | _plain(one), allow_nan=False))
        self._append("".join(f"{line}\n" for line in lines).encode())

    def keep_truth(self, truth: UInt8[Tensor, "b 3 h w"], hashes: Sequence[str]) -> None:
        """Features of the faces themselves, which other evaluations of the same faces find again."""
        if self._features is not None:
            self._features.add(truth, hashes, shared=True)

    def _append(self, content: bytes) -> None:
        self._size = append_lines(self.file, content, after=self._size)

    def _key(self, one: Measurement) -> Key:
        return one.method, self._identities[one.method], one.bucket, one.face, one.mask

    def _read(self) -> int:
        """Takes what the file holds; returns the length of its whole lines."""
        rows, size = read_lines(self.file, cure="ask to --overwrite it")
        if not rows:
            return 0
        self._refuse_another(rows[0])
        for place, row in enumerate(rows[1:], start=2):
            identity = row.pop("identity", "")
            values = {name: math.nan if value is None else value for name, value in row.pop("values", {}).items()}
            crops, true_crops = (tuple(row.pop(name, ())) for name in ("crops", "true_crops"))
            try:
                one = Measurement(**row, values=values, crops=crops, true_crops=true_crops)
            except TypeError as error:
                raise DataError(f"{self.file}, line {place}: not a measurement ({error}); --overwrite it") from error
            self._known[one.method, identity, one.bucket, one.face, one.mask] = one
        return size

    def _refuse_another(self, head: Mapping[str, Any]) -> None:
        found, wanted = str(head.get("protocol")), str(self._head["protocol"])
        if found != wanted:
            raise DataError(
                f"{self.file}: holds measurements of protocol {found[:12]}, this is {wanted[:12]} (other faces, masks, "
                "size, seed or limit); choose another --out or ask to --overwrite"
            )
        old, new = head.get("versions", {}), self._head["versions"]
        changed = [f"{name} {old[name]} is now {new[name]}" for name in new if old.get(name, new[name]) != new[name]]
        if changed:
            warnings.warn(f"{self.file}: goes on with other packages: {', '.join(changed)}", stacklevel=4)


def _plain(one: Measurement) -> dict[str, Any]:
    values = {name: None if math.isnan(value) else value for name, value in one.values.items()}
    return asdict(one) | {"values": values}
