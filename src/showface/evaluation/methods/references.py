"""Further pictures of the people that are measured, for the rows `referenced` and `stranger`.

    --references FILE.csv    a table with the columns face and reference, a line for each reference, paths from
                             where the table is
    --references FOLDER      pictures called like their faces, in it or in folders below it

References are aligned as faces are, and read by the same rules. A face without one is left out of these rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from showface.data.faces import list_pictures
from showface.data.pair_tables import pairs_in
from showface.errors import DataError, SettingError
from showface.evaluation.protocol.checks import listed, refuse_misshapen, refuse_missing
from showface.evaluation.protocol.pairs import Pair, Protocol, read_face, sha256
from showface.images import from_unit
from showface.networks.sources import MOST, Sources

COLUMNS = ("face", "reference")


@dataclass(frozen=True)
class References:
    """Which pictures are looked at beside each face, and what is in them."""

    pictures: Mapping[Path, tuple[Path, ...]]  # of each face that has any, in the order of the faces
    hashes: Mapping[Path, str]  # sha256 of these faces and pictures
    names: Mapping[Path, str]  # how results call the faces
    size: int  # pixels of a side at which all are looked at
    missing: int = 0  # faces that are measured and have none

    @property
    def digest(self) -> str:
        """sha256 of which face is looked at with which pictures, wherever they lie."""
        content = [[self.names[face], *map(self.hashes.get, found)] for face, found in self.pictures.items()]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def of(self, faces: Sequence[Path]) -> Sources:
        """The pictures of `faces`, each of which has one at least; beside more of others, hidden ones fill up."""
        count = max(len(self.pictures[face]) for face in faces)
        images = torch.zeros(len(faces), count, 3, self.size, self.size)
        hidden = torch.ones(len(faces), count, 1, self.size, self.size)
        for i, face in enumerate(faces):
            for k, picture in enumerate(self.pictures[face]):
                images[i, k], hidden[i, k] = _signal(picture, self.size), 0
        return Sources(images, hidden)


def _signal(picture: Path, size: int) -> Float[Tensor, "3 {size} {size}"]:
    """A picture in [-1, 1]."""
    return from_unit(read_face(picture, size).float() / 255)


def read_references(place: Path, protocol: Protocol) -> References:
    """The references in a table or folder of the faces that `protocol` measures; what cannot be used is refused."""
    faces = measured_faces(protocol)
    found = _in_folder(place, list(faces)) if place.is_dir() else _in_table(place, list(faces))
    pictures = {face: tuple(found[face]) for face in faces if face in found}
    if not pictures:
        raise DataError(f"{place}: expected references of the faces in {protocol.config.faces}, found none of any")
    many = [f"{faces[face]} ({len(own)})" for face, own in pictures.items() if len(own) > MOST]
    if many:
        raise DataError(f"{place}: {len(many)} faces with more than {MOST} references: {listed(many)}; leave some out")
    files = list(dict.fromkeys(file for own in pictures.values() for file in own))
    refuse_missing(files, "references are")
    refuse_misshapen(files, "references are")
    hashes = {file: sha256(file) for file in (*pictures, *files)}
    same = [faces[face] for face, own in pictures.items() if hashes[face] in [hashes[file] for file in own]]
    if same:
        raise DataError(f"{place}: {len(same)} faces are their own references: {listed(same)}; give other pictures")
    return References(pictures, hashes, faces, protocol.config.size, len(faces) - len(pictures))


def measured_faces(protocol: Protocol) -> dict[Path, str]:
    """The faces of a table in the order of their names, and how results call them."""
    pairs: list[Pair] = [pair for table in protocol.pairs.values() for pair in table]
    return dict(sorted({pair.face: protocol.face_name(pair) for pair in pairs}.items(), key=lambda item: item[1]))


def _in_folder(folder: Path, faces: Sequence[Path]) -> dict[Path, list[Path]]:
    """The pictures in `folder` with the stem of each face."""
    stems = {face.stem: face for face in faces}
    if len(stems) < len(faces):
        twice = sorted(str(face) for face in faces if stems[face.stem] != face)
        raise DataError(f"{folder}: {len(twice)} faces share their name with others: {listed(twice)}; give a table")
    found: dict[Path, list[Path]] = {}
    for picture in list_pictures(folder):
        if picture.stem in stems:
            found.setdefault(stems[picture.stem], []).append(picture)
    return found


def _in_table(table: Path, faces: Sequence[Path]) -> dict[Path, list[Path]]:
    """What a table says of `faces`; lines of other faces are not used, but must name files that are there."""
    known = {face.resolve(): face for face in faces}
    found: dict[Path, list[Path]] = {}
    for place, *files in pairs_in(table, COLUMNS, about="faces and references"):
        face, reference = (table.parent / file for file in files)
        refuse_missing((face, reference), f"pictures of {place}, are")
        own = found.setdefault(known.get(face.resolve(), face), [])
        if reference in own:
            raise DataError(f"{place}: {reference} is there twice for one face; leave one out")
        own.append(reference)
    return found


# ---------------------------------------------------------------------------------------------- the control


def strangers(references: References) -> References:
    """For each face the references of the next one that shows another person; after the last comes the first.

    Faces show one person if they, or pictures beside them, share a file's content, over any number of steps.
    """
    people, faces = people_of(references), list(references.pictures)
    if len(set(people.values())) < 2:
        raise SettingError("stranger: expected references of two people at least, found those of one; leave it out")
    pictures = {
        face: references.pictures[next(o for o in faces[i + 1 :] + faces[:i] if people[o] != people[face])]
        for i, face in enumerate(faces)
    }
    return References(pictures, references.hashes, references.names, references.size, references.missing)


def people_of(references: References) -> dict[Path, int]:
    """A number for each face, the same where the person is."""
    groups: list[tuple[set[str], list[Path]]] = []  # what shows a person, and the faces among it
    for face, pictures in references.pictures.items():
        shown, faces = {references.hashes[file] for file in (face, *pictures)}, [face]
        for group in [group for group in groups if group[0] & shown]:
            shown, faces = shown | group[0], group[1] + faces
            groups.remove(group)
        groups.append((shown, faces))
    return {face: number for number, (_, faces) in enumerate(groups) for face in faces}
