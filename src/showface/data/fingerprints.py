"""Which pictures a training run has seen: the sha256 of every file, so that nobody measures on them unawares.

    pictures.sha256             "<hash>  <path>" a line, as sha256sum writes it
    splits/bundled_compact.txt  of the weights that come with the package: the first 16 digits of each hash

A picture that was resized or saved again has another hash; only equal files are recognised.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from showface.data.faces import list_pictures
from showface.errors import DataError

FILE = "pictures.sha256"
SHORT = 16  # digits of a hash that lists without names hold: enough to tell pictures apart
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
_SHORT_LINE = re.compile(rf"[0-9a-f]{{{SHORT}}}")


def hash_pictures(pictures: Iterable[Path], known: Mapping[str, str] | None = None) -> dict[str, str]:
    """sha256 of each file by its path; what `known` has is not read again."""
    known = known or {}
    return {str(picture): known.get(str(picture)) or _sha256(picture) for picture in pictures}


def _sha256(picture: Path) -> str:
    try:
        with picture.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{picture}: cannot be read: {error.strerror or error}") from error


def as_lines(hashes: Mapping[str, str]) -> str:
    """The content of `pictures.sha256`; a newline in a name is written as a space."""
    return "".join(f"{digest}  {' '.join(path.splitlines())}\n" for path, digest in hashes.items())


def read_lines(file: Path) -> dict[str, str]:
    """The hashes in a `pictures.sha256` by path; of a list of shortened hashes, those by themselves."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: not readable as a list of hashes: {error}") from error
    if lines and all(map(_SHORT_LINE.fullmatch, lines)):
        return dict(zip(lines, lines, strict=True))
    found = {}
    for place, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise DataError(f"{file}, line {place}: expected '<sha256>  <path>', found {line[:80]!r}")
        found[match[2]] = match[1]
    return found


def pictures_seen(place: Path) -> dict[str, str]:
    """The hashes that `place` tells of: a `pictures.sha256`, a run folder that holds one, or a folder of pictures."""
    if place.is_file():
        return read_lines(place)
    if (place / FILE).is_file():
        return read_lines(place / FILE)
    return hash_pictures(list_pictures(place))


def bundled_record(name: str) -> Path | None:
    """The list of the pictures that the bundled release `name` was trained on; None if there is none."""
    file = Path(__file__).parent / "splits" / f"bundled_{name}.txt"
    return file if file.is_file() else None
