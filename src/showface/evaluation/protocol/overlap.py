"""Faces that a method was trained on are not measured (faults.md 34 and 39)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from showface import weights
from showface.data.fingerprints import FILE, SHORT, bundled_record, pictures_seen
from showface.errors import DataError
from showface.evaluation.protocol.checks import listed
from showface.evaluation.protocol.pairs import Protocol


def refuse_overlap(protocol: Protocol, places: Sequence[Path]) -> dict[str, int]:
    """Refuses a table that holds a picture which `places` say was trained on; returns how many each of them names.

    A place is a `pictures.sha256`, a run folder that holds one, or a folder of pictures.
    """
    counts = {}
    for place in places:
        seen = pictures_seen(place)
        counts[str(place)] = len(seen)
        refuse_seen(protocol, seen.values(), str(place))
    return counts


def refuse_seen(protocol: Protocol, hashes: Iterable[str], place: str) -> None:
    """Refuses a table that holds a picture whose sha256, or its first digits, is among `hashes`, as `place` says."""
    faces, seen = protocol.files["faces"], set(hashes)
    shared = sorted(name for name, digest in faces.items() if digest in seen or digest[:SHORT] in seen)
    if shared:
        raise DataError(
            f"{len(shared)} of {len(faces)} faces were trained on, {place} says: {listed(shared)}; measure on others"
        )


def record_of(source: Path) -> Path | None:
    """The list of training pictures of the weights in `source`; None without.

    It lies beside them, in the run folder or the one above it; that of the bundled weights with the frozen splits.
    """
    if source.parent == weights.bundled().parent and (record := bundled_record(source.name)) is not None:
        return record
    places = (source, source.parent) if source.is_dir() else (source.parent, source.parent.parent)
    return next((place / FILE for place in places if (place / FILE).is_file()), None)
