"""What cannot be measured is refused before anything is, with a list (faults.md 39)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from showface.errors import DataError
from showface.images import opened

LISTED = 5  # names in a message; the rest is counted


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def refuse_missing(files: Iterable[Path], what: str) -> None:
    """Every file must be there."""
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise DataError(f"{len(missing)} {what} missing: {listed(missing)}")


def refuse_duplicates(hashes: Mapping[str, str], what: str) -> None:
    """No two names may stand for the same bytes: a picture measured twice counts twice."""
    groups: dict[str, list[str]] = {}
    for name, digest in hashes.items():
        groups.setdefault(digest, []).append(name)
    twice = [" = ".join(names) for names in groups.values() if len(names) > 1]
    if twice:
        raise DataError(f"{len(twice)} {what} there more than once: {listed(twice)}; remove the copies")


def refuse_misshapen(files: Iterable[Path], what: str) -> None:
    """Faces and masks meet as squares of one size; of another shape they would not lie on each other."""
    wrong = [f"{file} ({width} x {height})" for file, (width, height) in sizes(files).items() if width != height]
    if wrong:
        raise DataError(f"{len(wrong)} {what} not square: {listed(wrong)}; expected aligned squares: crop them")


def sizes(files: Iterable[Path]) -> dict[Path, tuple[int, int]]:
    """Width and height of every picture, from its header."""
    found = {}
    for file in files:
        with opened(file) as picture:
            found[file] = picture.size
    return found
