"""Holes in the shape of what really hides faces, and parts of the face hidden completely, as rows of a protocol.

Strokes leave cues: half a mouth tells the other half. Here each face has a hole of its own. Further rows of the table
of strokes are drawn from seed and name (`occluders.drawing`) or made from the face's map of categories
(`occluders.components`). The table of occlusions has kinds (`occluders.kinds`), made from both. A face that does not
show a part is left out of that part's row. Which occlusion a row holds is its name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Integer

from showface.data.faces import Face, read_label
from showface.errors import DataError, SettingError, unknown
from showface.evaluation.methods import as_signal
from showface.evaluation.parsing import SemanticMap
from showface.evaluation.protocol import MadeMask, Pair, read_face
from showface.occluders.components import GROWTH, hide_component, resampled
from showface.occluders.drawing import OCCLUDERS, draw_occluder
from showface.occluders.kinds import DRAWN_KINDS, KINDS, eye_parts, hide

Make = Callable[[int], Bool[np.ndarray, "size size"]]
CategoryMap = Callable[[Path], Integer[np.ndarray, "h w"]]
"""From the path of a face to its categories."""

COMPONENTS, DRAWN = tuple(GROWTH), tuple(OCCLUDERS)
PARSED_SIZE = 256  # side at which a parser sees faces without labels


def chosen_occlusions(names: str) -> tuple[str, ...]:
    """The occlusions in `names`, with commas between; "components", "drawn" and "all" stand for several."""
    groups = {"components": COMPONENTS, "drawn": DRAWN, "all": (*COMPONENTS, *DRAWN)}
    chosen: list[str] = []
    for name in filter(None, (part.strip() for part in names.split(","))):
        if name not in (*groups, *groups["all"]):
            raise SettingError(unknown("occlusion", name, (*groups["all"], *groups)))
        chosen += groups.get(name, (name,))
    return tuple(dict.fromkeys(chosen))


def chosen_kinds(names: str) -> tuple[str, ...]:
    """The kinds in `names`, with commas between, in the order of `KINDS`; "all" is every one.

    What is only a further row of the table of strokes is refused with the option that asks for it.
    """
    wanted = [name for name in (part.strip() for part in names.split(",")) if name]
    for name in wanted:
        if name in (*COMPONENTS, *DRAWN, "components", "drawn") and name not in KINDS:
            raise SettingError(
                f"occlusion {name!r}: a row of the table of strokes, which --rows {name} asks for; --occlusions has "
                f"{', '.join(KINDS)}"
            )
        if name not in (*KINDS, "all"):
            raise SettingError(unknown("kind of occlusion", name, KINDS))
    if not wanted:
        raise SettingError(f"expected kinds of occlusions, got none; known: {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in wanted or "all" in wanted)


def kind_rows(
    kinds: Iterable[str],
    faces: Sequence[Path],
    *,
    root: Path,
    size: int,
    categories: CategoryMap,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, list[Pair]]:
    """A row of pairs for each of `kinds`, in the order of `faces`, which lie below the folder `root`.

    A hole depends on seed, kind, the face's path below `root` and its categories. `size` is the one that will be
    measured: holes are remembered at it. `progress` is told of faces dealt with.
    """
    rows: dict[str, list[Pair]] = {kind: [] for kind in kinds}
    for index, face in enumerate(faces):
        name = face.relative_to(root).as_posix()
        labels = np.zeros((size, size), dtype=np.uint8) if set(rows) <= set(DRAWN_KINDS) else categories(face)
        for kind, row in rows.items():
            hole = hide(kind, labels, size, generator(kind, name, seed))
            if hole.any():
                again = partial(_hidden_again, kind, face, categories, name, seed)
                row.append(Pair(face, MadeMask(kind, name, seed, _remembered(hole, again))))
        progress(index + 1, len(faces))
    return rows


def _hidden_again(
    kind: str, face: Path, categories: CategoryMap, name: str, seed: int, size: int
) -> Bool[np.ndarray, "{size} {size}"]:
    return hide(kind, categories(face), size, generator(kind, name, seed))


Eyes = Callable[[Path], tuple[Bool[np.ndarray, "size size"], Bool[np.ndarray, "size size"]]]
"""From the path of a face to the pixels of its left and right eye in the picture."""


def eyes_of(categories: CategoryMap, size: int, *, held: int = 64) -> Eyes:
    """Where the true eyes are, at `size`; those of the last `held` faces are held."""

    @lru_cache(maxsize=held)
    def eyes(face: Path) -> tuple[Bool[np.ndarray, "size size"], Bool[np.ndarray, "size size"]]:
        return eye_parts(resampled(categories(face), size))

    return eyes


def occlusion_rows(
    occlusions: Iterable[str],
    faces: Sequence[Path],
    *,
    root: Path,
    size: int,
    seed: int = 0,
    categories: CategoryMap | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, list[Pair]]:
    """A row of pairs for each of `occlusions`, in the order of `faces`, which lie below the folder `root`.

    Drawn holes depend on the seed and the face's path below `root`; parts of the face need `categories`. `size` is the
    one that will be measured: holes of parts are remembered at it. `progress` is told of faces dealt with.
    """
    rows: dict[str, list[Pair]] = {occlusion: [] for occlusion in occlusions}
    if categories is None and (parts := [occlusion for occlusion in rows if occlusion in COMPONENTS]):
        raise DataError(f"{parts[0]}: expected label maps of the faces or a parser, found neither")
    for index, face in enumerate(faces):
        name = face.relative_to(root).as_posix()
        labels = None if categories is None or not set(rows) & set(COMPONENTS) else categories(face)
        for occlusion, row in rows.items():
            if occlusion in DRAWN:
                row.append(Pair(face, MadeMask(occlusion, name, seed, partial(_drawn, occlusion, name, seed))))
            elif labels is not None and categories is not None:
                hole = hide_component(occlusion, labels, size)
                if hole.any():
                    again = partial(_component_again, occlusion, face, categories)
                    row.append(Pair(face, MadeMask(occlusion, name, 0, _remembered(hole, again))))
        progress(index + 1, len(faces))
    return rows


def _drawn(occlusion: str, name: str, seed: int, size: int) -> Bool[np.ndarray, "{size} {size}"]:
    return draw_occluder(generator(occlusion, name, seed), size, occlusion)


def generator(occlusion: str, name: str, seed: int) -> np.random.Generator:
    """Random numbers of one face's occlusion, whatever other faces there are."""
    digest = hashlib.sha256(f"{occlusion}/{name}".encode()).digest()
    return np.random.default_rng((seed, int.from_bytes(digest[:8], "big")))


def _component_again(
    occlusion: str, face: Path, categories: CategoryMap, size: int
) -> Bool[np.ndarray, "{size} {size}"]:
    return hide_component(occlusion, categories(face), size)


def _remembered(hole: Bool[np.ndarray, "size size"], again: Make) -> Make:
    """Makes `hole` from its packed bits; one of another size `again`."""
    bits, kept = np.packbits(hole), len(hole)

    def make(size: int) -> Bool[np.ndarray, "{size} {size}"]:
        if size != kept:
            return again(size)
        return np.unpackbits(bits, count=size * size).reshape(size, size).astype(bool)

    return make


def category_map(faces: Iterable[Face], parser: Callable[[], SemanticMap] | None = None) -> CategoryMap:
    """The categories of faces: their label maps where they have one, else what `parser` makes of the whole face.

    `parser` is called when the first face without a label is met; None = such a face is refused. For the same table
    whatever is measured, take the parser of the weights that come with the package.
    """
    labelled = {face.picture: face for face in faces}
    made: list[SemanticMap] = []

    def categories(picture: Path) -> Integer[np.ndarray, "h w"]:
        face = labelled.get(picture)
        found = None if face is None else read_label(face, "A")
        if found is not None:
            return found
        if parser is None:
            raise DataError(f"{picture}: no label map of its name, and no parser to take its place")
        if not made:
            made.append(parser())
        image = as_signal(read_face(picture, PARSED_SIZE)[None])
        return made[0](image, PARSED_SIZE)[0].cpu().numpy()

    return categories
