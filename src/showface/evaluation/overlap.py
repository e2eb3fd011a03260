"""Faces that a method was trained on are not measured (faults 34 and 39)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from showface.data.fingerprints import FILE, pictures_seen
from showface.errors import DataError
from showface.evaluation.checks import listed
from showface.evaluation.protocol import Protocol


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
    """Refuses a table that holds a picture whose sha256 is among `hashes`, as `place` says."""
    faces = {digest: name for name, digest in protocol.files["faces"].items()}
    shared = sorted(faces[digest] for digest in set(hashes) & faces.keys())
    if shared:
        raise DataError(
            f"{len(shared)} of {len(faces)} faces were trained on, {place} says: {listed(shared)}; measure on others"
        )


def record_of(weights: Path) -> Path | None:
    """The list of training pictures beside `weights`: in the run folder or the one above it; None without."""
    places = (weights, weights.parent) if weights.is_dir() else (weights.parent, weights.parent.parent)
    return next((place / FILE for place in places if (place / FILE).is_file()), None)
